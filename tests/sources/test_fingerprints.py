"""Whether a source holds something new, told without reading it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from small_cases.tiny import SCHEMA, TinySource

from pipeline.errors import SourceError
from pipeline.sources import Request, fingerprints
from pipeline.sources.fingerprints import FileDigests, fingerprint

LONG_AGO = 1_700_000_000


@dataclass(frozen=True, kw_only=True)
class Tagged(TinySource):
    """A publisher that gives its content a tag."""

    tag: str | None

    def fingerprint(self, request: Request) -> str | None:
        return self.tag


class Loose:
    """A simulation that is no dataclass: its settings can't be seen."""

    simulated = True
    publisher = licence = address = note = ""

    def fetch(self, request: Request) -> None:
        raise AssertionError("a digest is taken without reading")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, one of them in a folder of its own, last changed long ago."""
    (tmp_path / "data" / "daisy").mkdir(parents=True)
    for name in ("counts.csv", "daisy/one.jpg"):
        write(tmp_path / "data" / name, b"first")
    return tmp_path / "data"


def write(path: Path, content: bytes, changed: int = LONG_AGO) -> None:
    path.write_bytes(content)
    os.utime(path, (changed, changed))


def of(folder: Path | None, source: TinySource | None = None) -> str | None:
    known = FileDigests(folder.parent / "digests.json" if folder else Path("none"))
    request = Request(schema=SCHEMA, folder=folder)
    found = fingerprint(source or TinySource(simulated=False), request, known)
    if folder:
        known.keep()
    return found


def test_a_simulation_is_known_by_its_settings() -> None:
    """Another setting is another simulation."""
    source = TinySource(simulated=True)

    assert of(None, source) == of(None, replace(source))
    assert of(None, source) != of(None, replace(source, note="with a shift"))


def test_a_simulation_whose_settings_can_not_be_seen_is_not_known() -> None:
    """Better read again than take one for the other."""
    assert of(None, Loose()) is None  # type: ignore[arg-type]


def test_what_a_publisher_holds_is_not_known_without_asking() -> None:
    """Unless the source says itself."""
    assert of(None) is None
    assert of(None, Tagged(simulated=False, tag="v1")) == "v1"
    assert of(None, Tagged(simulated=False, tag=None)) is None


@pytest.mark.parametrize("name", ["counts.csv", "daisy/one.jpg"])
def test_other_bytes_in_a_file_are_something_new(folder: Path, name: str) -> None:
    """Also in a folder of the folder, and with as many bytes as before."""
    before = of(folder)
    write(folder / name, b"other", LONG_AGO + 1)

    assert of(folder) != before


def test_a_file_that_came_went_or_was_renamed_is_something_new(folder: Path) -> None:
    """Three states, three digests, and back."""
    before = of(folder)
    write(folder / "more.csv", b"more")
    more = of(folder)
    (folder / "more.csv").rename(folder / "renamed.csv")
    renamed = of(folder)
    (folder / "renamed.csv").unlink()

    assert len({before, more, renamed}) == 3
    assert of(folder) == before


def test_the_same_bytes_at_another_time_are_nothing_new(folder: Path) -> None:
    """A copy that was fetched again."""
    before = of(folder)
    write(folder / "counts.csv", b"first", LONG_AGO + 100)

    assert of(folder) == before


def test_a_file_that_has_not_changed_is_not_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes a second look cheap."""
    before = of(folder)

    def refuses(path: Path) -> str:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(fingerprints, "digest", refuses)

    assert of(folder) == before


def test_a_file_that_was_changed_just_now_is_read_again(folder: Path) -> None:
    """It may change again within the same tick of the clock, as long as before."""
    path = folder / "counts.csv"
    path.write_bytes(b"first")
    before, changed = of(folder), path.stat()
    path.write_bytes(b"other")
    os.utime(path, ns=(changed.st_atime_ns, changed.st_mtime_ns))

    assert of(folder) != before


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1}', b'{"a": [1, 2, 3]}'])
def test_a_damaged_memory_is_only_forgotten(folder: Path, content: bytes) -> None:
    """The files are read again."""
    before = of(folder)
    (folder.parent / "digests.json").write_bytes(content)

    assert of(folder) == before


def test_a_missing_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    """As when it is read."""
    with pytest.raises(SourceError, match="no-such-folder"):
        of(tmp_path / "no-such-folder")
