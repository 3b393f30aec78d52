"""The commands `vigie state push|pull|verify|prune`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from pipeline.cli.options import CONTEXT, home_option

PLACE = click.argument("place", metavar="PLACE")


@click.group(context_settings=CONTEXT)
def state() -> None:
    """Move the home between machines as verified snapshots.

    \b
    PLACE is one of
      a folder             /mnt/share/vigie
      an object store      s3://bucket/path, gs://bucket/path, az://container/path
                           (pip install 'vigie[s3]', 'vigie[gcs]', 'vigie[azure]')
      a GitHub release     github-release:OWNER/REPO/TAG, through the command gh

    A push sends only what is new, and its list last: one that is interrupted has not happened.
    When another machine has pushed since this home was pulled, a push is refused.
    """  # noqa: D301  click reads \b as a character


@state.command()
@PLACE
@home_option
def push(place: str, home: str) -> None:
    """Send what is new in the home as the next snapshot."""
    from pipeline.snapshots.moving import push as send
    from pipeline.snapshots.places import open_place
    from pipeline.store import Store

    moved = send(Store.at(home).home, open_place(place), now=datetime.now(UTC), say=click.echo)
    if moved.sent:
        click.echo(
            f"Snapshot {moved.number}: {moved.files:,} files, {moved.size / 1e6:.1f} MB; "
            f"{moved.sent / 1e6:.1f} MB sent."
        )
    else:
        click.echo(f"Nothing new: {place} is at snapshot {moved.number}, and so is the home.")


@state.command()
@PLACE
@click.option("--snapshot", type=int, metavar="N", help="Which one. Default: the newest.")
@click.option("--replace", is_flag=True, help="Even when the home holds work never pushed.")
@click.option(
    "--or-begin",
    is_flag=True,
    help="When the place holds no snapshot yet, begin with an empty home and say so.",
)
@home_option
def pull(place: str, snapshot: int | None, replace: bool, or_begin: bool, home: str) -> None:
    """Make the home equal to a snapshot; it stays as it is when that fails."""
    from pipeline.snapshots.moving import numbers
    from pipeline.snapshots.moving import pull as fetch
    from pipeline.snapshots.places import open_place
    from pipeline.store import Store

    here = Store.at(home).home
    opened = open_place(place)
    if or_begin and not numbers(opened):
        click.echo(f"{opened.address} holds no snapshot: beginning anew, without history.")
        return
    moved = fetch(here, opened, number=snapshot, replace=replace, say=click.echo)
    click.echo(
        f"{here} is at snapshot {moved.number}: {moved.files:,} files, {moved.size / 1e6:.1f} MB; "
        f"{moved.sent / 1e6:.1f} MB fetched."
    )


@state.command()
@PLACE
def verify(place: str) -> None:
    """Read every snapshot of PLACE whole. Exit code 4 when one is damaged."""
    from pipeline.snapshots.keeping import verify as look
    from pipeline.snapshots.places import open_place

    found = look(open_place(place), say=click.echo)
    click.echo(f"{len(found.whole)} snapshots are whole.")
    if found.left_over:
        click.echo(f"{len(found.left_over)} packs of unfinished pushes; `prune` removes them.")
    for number, problem in found.damaged.items():
        click.echo(f"Snapshot {number} can't be used. {problem}", err=True)
    sys.exit(4 if found.damaged else 0)


@state.command()
@click.argument("place", metavar="[PLACE]", required=False)
@click.option("--snapshots", default=10, show_default=True, help="Newest ones kept at PLACE.")
@click.option("--runs", default=100, show_default=True, help="Newest runs of a case kept at home.")
@home_option
def prune(place: str | None, snapshots: int, runs: int, home: str) -> None:
    """Remove old runs and table versions from the home, or old snapshots from PLACE.

    What the champion and the one before it need is kept always.
    """
    if place:
        from pipeline.snapshots.keeping import prune_place
        from pipeline.snapshots.places import open_place

        gone = prune_place(open_place(place), max(snapshots, 1))
        click.echo(f"Removed {len(gone.snapshots)} snapshots and {len(gone.packs)} packs.")
        return
    from pipeline.snapshots.pruning import prune_home
    from pipeline.store import Store

    for case, cut in prune_home(Store.at(home), max(runs, 1)).items():
        click.echo(f"{case:<10} removed {cut.runs} runs and {cut.files} data files of old versions")
