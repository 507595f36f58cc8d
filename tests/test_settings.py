"""Settings: what is missing, weak or wrong is refused with a sentence that says what to do."""

import stat
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from sealring import NoClaims, Subject
from sealring.errors import ConfigurationError
from sealring.settings import Environment, SealringSettings, load_settings, write_secrets

KEK = "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
MAC = "1:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8"
GOOD = {
    "SEALRING_APP": "todo",
    "SEALRING_ISSUER": "https://todo.example",
    "SEALRING_KEY_ENCRYPTION_KEYS": KEK,
    "SEALRING_REFRESH_KEYS": MAC,
}


async def nobody(_: str) -> Subject | None:
    return None


@pytest.fixture(autouse=True)
def _only_what_the_test_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def load(monkeypatch: pytest.MonkeyPatch, changes: Mapping[str, str | None] = {}) -> SealringSettings:
    for name, value in {**GOOD, **changes}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    return load_settings()


def test_good_settings_build_a_ring_with_the_defaults_of_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    ring = settings.build(load_subject=nobody, claims=NoClaims)
    assert ring.policy.issuer == "https://todo.example"
    assert ring.policy.access.lifetime == timedelta(minutes=15)
    assert ring.policy.web.secure_cookies
    assert ring.policy.allowed_origins == {"https://todo.example"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"SEALRING_ISSUER": None}, "SEALRING_ISSUER is not set: run 'sealring init' or set it."),
        ({"SEALRING_REFRESH_KEYS": None}, "SEALRING_REFRESH_KEYS is not set: run 'sealring init' or set it."),
        ({"SEALRING_ISSUER": "http://todo.example"}, "must be an https URL"),
        ({"SEALRING_STORE": "memory:"}, "the memory store forgets at every restart"),
        ({"SEALRING_INSECURE_COOKIES": "1"}, "for development only"),
        ({"SEALRING_ENVIRONMENT": "staging"}, "SEALRING_ENVIRONMENT"),
        ({"SEALRING_ACCESS_LIFETIME": "soon"}, "SEALRING_ACCESS_LIFETIME"),
    ],
)
def test_wrong_setting_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, changes: Mapping[str, str | None], sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(monkeypatch, changes)
    assert sentence in refused.value.detail


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"SEALRING_KEY_ENCRYPTION_KEYS": "changeme"}, "version:base64url"),
        ({"SEALRING_KEY_ENCRYPTION_KEYS": f"{KEK},{KEK}"}, "each version once"),
        ({"SEALRING_REFRESH_KEYS": "1:c2hvcnQ"}, "too short or not random"),
        ({"SEALRING_REFRESH_KEYS": "1:" + "A" * 43}, "too short or not random"),
        ({"SEALRING_REFRESH_KEYS": "1:not*base64"}, "is not base64url"),
        ({"SEALRING_REFRESH_KEYS": KEK}, "make two"),
        ({"SEALRING_REFRESH_KEY_IN_USE": "7"}, "version 7"),
        ({"SEALRING_LEEWAY": "61"}, "The leeway"),
        ({"SEALRING_GRACE": "5"}, "The grace must exceed"),
        ({"SEALRING_ALGORITHM": "HS256"}, "signed with one of ES256"),
        ({"SEALRING_ISSUER": "https://todo.example/"}, "trailing slash"),
        ({"SEALRING_ALLOWED_ORIGINS": "https://Todo.example"}, "lower case"),
        ({"SEALRING_STORE": "mongodb://x"}, "sqlite:///"),
        ({"SEALRING_TOKEN_BUDGET": "9000"}, "token budget"),
        ({"SEALRING_APP": "Todo App"}, "app name"),
    ],
)
def test_weak_secret_or_value_out_of_range_is_refused_when_the_application_starts(
    monkeypatch: pytest.MonkeyPatch, changes: Mapping[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(monkeypatch, changes).build(load_subject=nobody)
    assert sentence in refused.value.detail
    for value in changes.values():
        if ":" in value and len(value) > 30:
            assert value not in refused.value.detail, "a secret must not stand in an error"


def test_secret_is_not_shown_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = repr(load(monkeypatch))
    assert KEK not in shown
    assert MAC not in shown


def test_secrets_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    made = write_secrets(path, environment=Environment.DEVELOPMENT, issuer="http://localhost:8000", app="todo")
    first = path.read_text()
    again = write_secrets(path, environment=Environment.DEVELOPMENT, issuer="http://localhost:9999", app="todo")
    assert (made, again) == (True, False)
    assert path.read_text() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_settings(path).build(load_subject=nobody).policy.issuer == "http://localhost:8000"


def test_secrets_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    path.write_text("SEALRING_APP=todo")
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        write_secrets(path, environment=Environment.DEVELOPMENT, issuer="http://localhost:8000", app="todo")


def test_secrets_file_in_a_folder_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_secrets(tmp_path / "no" / "where", environment=Environment.PRODUCTION, issuer="https://a.b", app="a")


def test_two_files_never_have_the_same_secrets(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_secrets(tmp_path / name, environment=Environment.PRODUCTION, issuer="https://a.b", app="a")
    assert (tmp_path / "one").read_text() != (tmp_path / "two").read_text()


def test_rolling_in_a_new_refresh_key_keeps_the_old_one_in_use_until_told(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = f"{MAC},2:QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8"
    settings = load(monkeypatch, {"SEALRING_REFRESH_KEYS": newer, "SEALRING_REFRESH_KEY_IN_USE": "1"})
    assert settings.refresh().current == 1
    monkeypatch.setenv("SEALRING_REFRESH_KEY_IN_USE", "2")
    assert load_settings().refresh().current == 2
