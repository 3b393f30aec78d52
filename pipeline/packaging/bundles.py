"""A champion as a folder of five files, each checked by its digest before it is used."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from pipeline.errors import ServiceError
from pipeline.records import Scores, Window
from pipeline.regions import LADDER, Calibration

CARD: Final = "card.json"
MODEL: Final = "model.skops"
HISTORY: Final = "history.parquet"
OBSERVATIONS: Final = "observations.parquet"
CALIBRATIONS: Final = "calibrations.json"


class DriftState(BaseModel):
    """What the newest drift check of the case found."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    as_of: datetime
    columns: tuple[str, ...]
    """Those in alarm."""
    sentence: str


class ModelCard(BaseModel):
    """What a caller may know of a champion, and what the service needs to run it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    case: str
    title: str
    question: str
    kind: str
    """The kind of problem: forecasting, regression, classification."""
    target: str
    unit: str
    candidate: str
    candidate_title: str
    run_id: str
    """The run that trained the model."""
    source: Literal["live", "files", "sample"]
    simulated: bool
    publisher: str
    licence: str
    address: str
    sha256: str
    """Of the model's file."""
    history_sha256: str
    observations_sha256: str
    calibrations_sha256: str
    learned: Window
    promoted_as_of: datetime
    data_as_of: datetime | None
    """Time of the newest observation that the service carries."""
    data_version: int
    """Version of the table of observations that the service carries."""
    primary: str
    """Name of the score that decides on promotion."""
    measured: Window
    """The held-out window on which the scores were measured."""
    scores: Scores
    """On the held-out window, which the model has not learned from."""
    baseline_scores: Scores
    """The baseline's on the same window."""
    drift: DriftState | None
    support: dict[str, tuple[float, float]]
    """Lowest and highest value that the model has learned from, of numbers that may be sent."""
    categories: dict[str, tuple[str, ...]]
    """Values that the model has learned from, of categories that may be sent."""
    level: float
    """Share of the truth that intervals or sets of classes are made to hold, if not asked."""
    levels: tuple[float, ...]
    """Shares that may be asked for, rising."""
    floor: float | None
    """The least value that the target can take."""
    calibration: Calibration
    example: dict[str, JsonValue] | None
    """A record that can be predicted; `None` where the history holds none."""
    upload: str | None = None
    """The field of a record that holds a file, which a form may send."""
    code_version: str

    @property
    def version(self) -> str:
        """How answers, log and metrics call the model."""
        return self.sha256[:12]


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """One champion's folder."""

    folder: Path
    card: ModelCard

    @property
    def history_path(self) -> Path:
        """Parquet file of the newest observations, as far back as a prediction looks."""
        return self.folder / HISTORY

    def model_bytes(self) -> bytes:
        """The champion; raises `ServiceError` when it isn't the file that the card describes."""
        return self._checked(MODEL, self.card.sha256)

    def history_bytes(self) -> bytes:
        """The history; raises `ServiceError` when it isn't the file that the card describes."""
        return self._checked(HISTORY, self.card.history_sha256)

    def calibrations(self) -> tuple[Calibration, ...]:
        """One for each level of the card; raises `ServiceError` as the others do."""
        content = self._checked(CALIBRATIONS, self.card.calibrations_sha256)
        return LADDER.validate_json(content)

    def observations_path(self) -> Path:
        """Parquet file of all validated observations; raises `ServiceError` as the others do."""
        path = self.folder / OBSERVATIONS
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _unreadable(path, error) from error
        self._require(OBSERVATIONS, found, self.card.observations_sha256)
        return path

    def _checked(self, name: str, expected: str) -> bytes:
        content = _read(self.folder / name)
        self._require(name, hashlib.sha256(content).hexdigest(), expected)
        return content

    def _require(self, name: str, found: str, expected: str) -> None:
        if found != expected:
            raise ServiceError(
                f"{self.folder / name} is not what was exported: sha256 is {found[:12]!r}, the "
                f"card says {expected[:12]!r}. Export the champions again: vigie serve or pack."
            )


def read_bundles(folder: Path) -> tuple[Bundle, ...]:
    """Every champion in a folder, by name; raises `ServiceError` when there is none."""
    names = sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    if not names:
        raise ServiceError(
            f"There is no champion in {folder}. Run a case first (vigie run), then vigie serve; "
            "or name a folder of exported champions in VIGIE_CHAMPIONS."
        )
    return tuple(read_bundle(entry) for entry in names)


def read_bundle(folder: Path) -> Bundle:
    """One champion's folder; raises `ServiceError` for a card that can't be used."""
    path = folder / CARD
    try:
        card = ModelCard.model_validate_json(_read(path))
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, found['loc'])) or 'file'}: {found['msg']}"
            for found in error.errors(include_url=False)
        ]
        raise ServiceError.for_problems(
            f"{path} is not a model card of this version of Vigie. Export the champions again "
            "(vigie serve, vigie pack):",
            problems,
        ) from error
    return Bundle(folder=folder, card=card)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ServiceError:
    return ServiceError(
        f"{path} can't be read: {error.strerror or error}. Export the champions again: "
        "vigie serve, vigie pack."
    )
