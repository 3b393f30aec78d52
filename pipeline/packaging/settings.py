"""The settings of the service: one typed object, from the environment (VIGIE_…)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from pipeline.errors import OptionError

PREFIX: Final = "VIGIE_"
NONE: Final = "none"
PublicGroup = Literal["health", "docs", "metrics", "try"]


def _listed(value: Any) -> Any:
    """`a,b` as the environment has it, `none` for no name, or a list."""
    if not isinstance(value, str):
        return value
    return [] if value == NONE else [part.strip() for part in value.split(",") if part.strip()]


Names = BeforeValidator(_listed)


class Settings(BaseModel):
    """What an operator may choose. Every field is read from VIGIE_ and its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    champions: Path | None = Field(default=None, description="folder of exported champions")
    keys: Path | None = Field(default=None, description="file of the API keys")
    calls: Path | None = Field(default=None, description="SQLite file of the call log")
    open: bool = Field(default=False, description="answer everybody, without keys")
    public: Annotated[frozenset[PublicGroup], Names] = Field(
        default=frozenset({"health", "docs", "metrics", "try"}),
        description="what needs no key: health, docs, metrics, try",
    )
    token_secret: SecretStr | None = Field(
        default=None, description="signs tokens; default: a file beside the keys"
    )
    token_minutes: int = Field(default=15, ge=1, le=1440, description="life of a token")
    rate_per_key: str = Field(
        default="200/second", description="calls of one key, in each worker; 0: no limit"
    )
    rate_per_address: str = Field(
        default="400/second", description="calls from one address, in each worker; 0: no limit"
    )
    rate_of_failures: str = Field(
        default="30/minute", description="refused keys and tokens from one address; 0: no limit"
    )
    cors: Annotated[tuple[str, ...], Names] = Field(
        default=(), description="origins whose pages may call, such as https://example.org"
    )
    most_bytes: int = Field(default=1024 * 1024, ge=1, description="bytes of a body")
    most_upload_bytes: int = Field(
        default=20_000_000, ge=1, description="bytes of a body that holds files, such as pictures"
    )
    most_pixels: int = Field(
        default=25_000_000, ge=1, description="pixels of a picture; known before it is decoded"
    )
    most_records: int = Field(default=1000, ge=1, description="records of a call")
    most_files: int = Field(
        default=16, ge=1, description="records of a call that hold files; each takes a while"
    )
    most_seconds: float = Field(default=30, gt=0, description="seconds for a body to arrive")
    most_waiting: int = Field(default=512, ge=1, description="calls at once; above: 503")
    log_inputs: Literal["full", "digest"] = Field(
        default="full", description="what the call log keeps of the records sent"
    )
    keep_days: float = Field(default=30, gt=0, description="days that the call log goes back")
    reload_seconds: float = Field(
        default=1, gt=0, description="how often to look for a new champion"
    )
    workers: int = Field(default=1, ge=1, le=64, description="processes that answer")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings that are set and not empty; raises `OptionError` with all that is wrong."""
        values = {
            name: environment[PREFIX + name.upper()]
            for name in cls.model_fields
            if environment.get(PREFIX + name.upper())
        }
        try:
            return cls(**values)  # type: ignore[arg-type]
        except ValidationError as error:
            raise OptionError.for_problems(
                "Settings of the service can't be used:", _problems(error)
            ) from None

    def environment(self) -> dict[str, str]:
        """Those that differ from the defaults, as another process reads them."""
        return {
            PREFIX + name.upper(): _text(getattr(self, name))
            for name, field in type(self).model_fields.items()
            if getattr(self, name) != field.default
        }

    @field_validator("rate_per_key", "rate_per_address", "rate_of_failures")
    @classmethod
    def _a_rate(cls, value: str) -> str:
        from limits import parse

        if value == "0":
            return value
        try:
            parse(value)
        except ValueError:
            raise ValueError(
                "not a rate; write it like 200/second or 1000 per hour, or 0"
            ) from None
        return value


def _problems(error: ValidationError) -> list[str]:
    """Without the values: one of the settings is a secret."""
    return [
        f"{PREFIX}{str(found['loc'][0]).upper()}: {found['msg']}"
        for found in error.errors(include_url=False, include_input=False)
    ]


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, (frozenset, tuple)):
        return ",".join(sorted(value)) or NONE
    return str(value)
