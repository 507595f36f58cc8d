"""Settings: every one documented, every wrong one a sentence."""

import os
import stat
from pathlib import Path

import pytest

from backend.auth.config import prepare_development_secrets, token_settings
from backend.settings import TodoSettings, load_todo_settings
from sealring.errors import ConfigurationError
from sealring.settings import Environment
from tests.backend.stage import todo_settings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Begin without settings and in an empty folder."""
    for name in list(os.environ):
        if name.startswith(("TODO_", "SEALRING_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_every_setting_is_documented_with_its_variable() -> None:
    told = TodoSettings.__doc__ or ""

    assert [name for name in TodoSettings.model_fields if f"{name}: ``TODO_{name.upper()}``" not in told] == []


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_MAX_TODOS", "5")
    monkeypatch.setenv("TODO_DATA_DIR", "/srv/todo")

    settings = load_todo_settings()

    assert settings.max_todos == 5
    assert settings.database == Path("/srv/todo/todo.db")
    assert settings.session_database == Path("/srv/todo/sealring.db")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TODO_LOGIN_LIMIT", "often"),
        ("TODO_LOGIN_LIMIT", ""),
        ("TODO_PASSWORD_MEMORY", "1024"),
        ("TODO_PASSWORD_PASSES", "1"),
        ("TODO_MAX_TODOS", "0"),
        ("TODO_LOCK_TIMEOUT", "inf"),
        ("TODO_LOG_LEVEL", "chatty"),
        ("TODO_METRICS", "perhaps"),
    ],
)
def test_a_wrong_setting_is_one_sentence_with_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=rf"^{name}: .+\.$"):
        load_todo_settings()


def test_a_development_server_makes_its_secrets_once_and_for_its_owner_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEALRING_ENVIRONMENT", "development")
    path = tmp_path / ".sealring.env"

    prepare_development_secrets("http://localhost:8000")
    first = path.read_text()
    prepare_development_secrets("http://localhost:9000")

    assert path.read_text() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_outside_development_no_secrets_are_made(tmp_path: Path) -> None:
    prepare_development_secrets("http://localhost:8000")

    assert not (tmp_path / ".sealring.env").exists()


def test_without_secrets_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="sealring init"):
        token_settings(todo_settings(tmp_path))


def test_the_application_has_a_name_of_its_own_when_no_setting_gives_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for letter, name in (("A", "KEY_ENCRYPTION_KEYS"), ("B", "REFRESH_KEYS")):
        monkeypatch.setenv(f"SEALRING_{name}", f"1:{letter * 43}")
    monkeypatch.setenv("SEALRING_ISSUER", "https://todo.example.org")

    assert token_settings(todo_settings(tmp_path)).app == "todo"


def test_sessions_are_kept_beside_the_todos_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEALRING_ENVIRONMENT", "development")
    prepare_development_secrets("http://localhost:8000")
    settings = todo_settings(tmp_path)

    beside = token_settings(settings).store
    monkeypatch.setenv("SEALRING_STORE", "sqlite:////srv/elsewhere.db")
    elsewhere = token_settings(settings).store

    assert beside == f"sqlite:///{settings.session_database}"
    assert elsewhere == "sqlite:////srv/elsewhere.db"


def test_the_servers_own_addresses_are_origins_in_development_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEALRING_ENVIRONMENT", "development")
    prepare_development_secrets("http://localhost:8000")
    settings = todo_settings(tmp_path)
    address = "http://localhost:9000"

    development = token_settings(settings, origins=[address])
    monkeypatch.setenv("SEALRING_ENVIRONMENT", "production")
    monkeypatch.setenv("SEALRING_ISSUER", "https://todo.example.org")
    production = token_settings(settings, origins=[address])

    assert development.environment is Environment.DEVELOPMENT
    assert address in development.policy().allowed_origins
    assert address not in production.policy().allowed_origins
