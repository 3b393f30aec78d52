"""The champions that serve. A new one takes its place whole and checked, or the old one stays."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from bento.champion import Champion
from bento.loading import load_champion
from bento.metrics import Metrics
from pipeline.case import Case
from pipeline.errors import ServiceError, VigieError
from pipeline.packaging.bundles import CARD, Bundle, read_bundle, read_bundles
from pipeline.packaging.settings import Settings

logger = logging.getLogger("vigie")
Stamp = tuple[int, int, int]


class Roster:
    """The folder of champions, and what of it is in memory."""

    def __init__(self, folder: Path, cases: Mapping[str, Case], settings: Settings) -> None:
        self.champions: Mapping[str, Champion] = {}
        self._folder = folder
        self._cases = cases
        self._settings = settings
        self._seen: dict[str, Stamp] = {}

    def load(self, metrics: Metrics) -> None:
        """All champions of the folder, for the start; raises `ServiceError`."""
        self._seen = self._stamps()
        bundles = read_bundles(self._folder)
        unknown = [
            repr(bundle.card.case) for bundle in bundles if bundle.card.case not in self._cases
        ]
        if unknown:
            raise ServiceError.for_problems(
                f"{self._folder} holds champions of cases that this version does not have. Export "
                "the champions again: vigie serve, vigie pack.",
                unknown,
            )
        loaded = [self._champion(bundle) for bundle in bundles]
        for champion in loaded:
            metrics.of_champion(champion.card)
        self.champions = {champion.case.name: champion for champion in loaded}

    def refresh(self, metrics: Metrics) -> bool:
        """Takes over what is new in the folder, and says whether anything was."""
        found = self._stamps()
        changed = [name for name, stamp in found.items() if self._seen.get(name) != stamp]
        taken = [name for name in changed if self._take_over(name, metrics)]
        self._seen.update(found)
        return bool(taken)

    def close(self) -> None:
        """Closes the files of those that serve; a replaced one has closed its own when the last
        call that it answered was over.
        """
        for champion in self.champions.values():
            champion.close()

    def _take_over(self, name: str, metrics: Metrics) -> bool:
        before = self.champions.get(name)
        try:
            bundle = read_bundle(self._folder / name)
            if before is not None and before.card == bundle.card:
                metrics.refused.labels(name).set(0)
                return False
            if bundle.card.case != name or name not in self._cases:
                raise ServiceError(f"{self._folder / name} is not the folder of a known case.")
            champion = self._champion(bundle)
        except VigieError as error:
            metrics.refused.labels(name).set(1)
            logger.error(  # noqa: TRY400  ours, with a remedy
                "The new champion of case %r is refused; %s. %s",
                name,
                "the old one stays" if before else "the case is not served",
                error,
            )
            return False
        self.champions = {**self.champions, name: champion}
        metrics.of_champion(champion.card, before.card if before else None)
        logger.info("Case %r is served by %r from now on.", name, bundle.card.candidate)
        return True

    def _champion(self, bundle: Bundle) -> Champion:
        return load_champion(bundle, self._cases[bundle.card.case], self._settings)

    def _stamps(self) -> dict[str, Stamp]:
        """Of each card: a new export is a new file."""
        try:
            cards = {entry.name: entry / CARD for entry in self._folder.iterdir()}
            return {name: _stamp(card) for name, card in cards.items() if card.is_file()}
        except OSError:
            # Between two renames of an export the folder isn't there.
            return {}


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_mtime_ns, found.st_ino, found.st_size
