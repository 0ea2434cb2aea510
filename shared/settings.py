"""Settings from the environment and from `.env`, in fragments that services combine.

A field's name in capitals is its variable: `ingest_bmp_port` is `INGEST_BMP_PORT`, so one
search finds both. Settings are read once, at the start, by `load`, which names every variable
that is wrong in one go.
"""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigurationError


class Settings(BaseSettings):
    """Base of all settings: variables of the environment win over those in `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )


class LogSettings(Settings):
    """How much is logged, and in which form."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] | None = None
    """None means `console` on a terminal and `json` everywhere else."""
    sentry_dsn: SecretStr | None = None
    """Where errors, and routers and peers that come and go, are reported; None: nowhere."""
    sentry_environment: str = "production"
    sentry_traces_sample_rate: float = Field(default=0.1, ge=0, le=1)
    """The share of HTTP requests that are traced."""


class DatabaseSettings(Settings):
    """Where PostgreSQL is."""

    database_url: SecretStr = Field(min_length=1)
    """`postgresql://user:password@host:port/database`; a Unix socket as `?host=/directory`."""


class SettingsError(ConfigurationError):
    """Settings that cannot be used, with each fault beginning with its variable."""

    def __init__(self, found: list[str]) -> None:
        self.faults = found
        super().__init__(f"settings cannot be used: {'; '.join(found)} (see .env.example)")


AnySettings = TypeVar("AnySettings", bound=Settings)


def load(kind: type[AnySettings]) -> AnySettings:
    """Reads the settings, or raises SettingsError: one sentence that names each variable."""
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError(faults(error)) from None


def faults(error: ValidationError) -> list[str]:
    """All that is wrong, each fault beginning with its variable."""
    found = []
    for fault in error.errors(include_url=False, include_input=False):
        variable = str(fault["loc"][0]).upper() if fault["loc"] else "the settings together"
        what = " is not set" if fault["type"] == "missing" else f": {fault['msg']}"
        found.append(variable + what)
    return found
