"""Settings: read from the environment and .env, and a wrong one is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.ingest.settings import IngestSettings
from shared.errors import ConfigurationError
from shared.settings import load

if TYPE_CHECKING:
    from pathlib import Path

URL = "postgresql://bgpilot:secret@db.example/bgpilot"


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL is not set \(see \.env\.example\)"):
        load(IngestSettings)


def test_an_empty_variable_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    with pytest.raises(ConfigurationError, match="DATABASE_URL is not set"):
        load(IngestSettings)


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_BMP_PORT", "eleven")
    monkeypatch.setenv("INGEST_BATCH_SECONDS", "-1")
    with pytest.raises(ConfigurationError) as caught:
        load(IngestSettings)
    sentence = str(caught.value)
    assert "INGEST_BMP_PORT: " in sentence
    assert "INGEST_BATCH_SECONDS: " in sentence
    assert "DATABASE_URL is not set" in sentence
    assert "\n" not in sentence


def test_the_environment_wins_over_the_file(
    empty_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_directory / ".env").write_text(f"DATABASE_URL={URL}\nINGEST_BMP_PORT=2000\n")
    monkeypatch.setenv("INGEST_BMP_PORT", "3000")
    settings = load(IngestSettings)
    assert settings.ingest_bmp_port == 3000
    assert settings.database_url.get_secret_value() == URL


def test_a_password_is_shown_neither_by_settings_nor_by_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    assert "secret" not in repr(load(IngestSettings))
    monkeypatch.setenv("LOG_LEVEL", "secret")
    with pytest.raises(ConfigurationError) as caught:
        load(IngestSettings)
    assert "secret" not in str(caught.value)
