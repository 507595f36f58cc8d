"""What the application decides about its tokens: settings, claims, scope; nothing is read at import."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from backend.settings import TodoSettings
from sealring import Sealring
from sealring.clock import Clock
from sealring.events import Sink
from sealring.sessions.subject import SubjectLoader
from sealring.settings import DEFAULT_ENV_FILE, Environment, SealringSettings, load_settings, write_secrets

APP = "todo"

# What a signed-in owner may do (RFC 6749 section 3.3): work with the own todos, change the own account.
TODOS_SCOPE = "todos"
ACCOUNT_SCOPE = "account"
SCOPE = (TODOS_SCOPE, ACCOUNT_SCOPE)


class TodoClaims(BaseModel):
    """The application's own claims in an access token.

    Attributes:
        max_todos: todos that the account may have; read at every refresh, so a new setting reaches all within the life
            of an access token.
    """

    model_config = ConfigDict(frozen=True)

    max_todos: int


def prepare_development_secrets(origin: str) -> None:
    """Make the settings file with its secrets on the first start of a development server; outside development nothing.

    Args:
        origin: where this server is reached; becomes the issuer.

    Raises:
        ConfigurationError: the file cannot be written, or others may read the one that is there.
    """
    if os.environ.get("SEALRING_ENVIRONMENT") != Environment.DEVELOPMENT or "SEALRING_REFRESH_KEYS" in os.environ:
        return
    path = Path(os.environ.get("SEALRING_ENV_FILE", DEFAULT_ENV_FILE))
    write_secrets(path, environment=Environment.DEVELOPMENT, issuer=origin, app=APP)


def token_settings(settings: TodoSettings, *, origins: Iterable[str] = ()) -> SealringSettings:
    """Read Sealring's settings, and fill in what this application knows better than their defaults.

    Args:
        settings: of the application; sessions are kept beside its database unless ``SEALRING_STORE`` names a place.
        origins: where a development server is reached; outside development only ``SEALRING_ISSUER`` and
            ``SEALRING_ALLOWED_ORIGINS`` count.

    Raises:
        ConfigurationError: a setting is missing, weak or malformed; the sentence says what to do.
    """
    loaded = load_settings()
    known: dict[str, Any] = {}
    if "app" not in loaded.model_fields_set:
        known["app"] = APP
    if "store" not in loaded.model_fields_set:
        known["store"] = f"sqlite:///{settings.session_database}"
    if loaded.environment is Environment.DEVELOPMENT:
        known["allowed_origins"] = ",".join(filter(None, (loaded.allowed_origins, *origins)))
    return loaded.model_copy(update=known)


def build_ring(
    settings: SealringSettings, *, load_subject: SubjectLoader, sinks: Iterable[Sink], clock: Clock
) -> Sealring[TodoClaims]:
    """Return the object that issues, refreshes, verifies and revokes for this application.

    Args:
        settings: what :func:`token_settings` returned.
        load_subject: tells about an account by its id.
        sinks: consume the events.
        clock: tells the time.

    Raises:
        ConfigurationError: a secret is weak or malformed, or a value is out of its range.
    """
    return settings.build(load_subject=load_subject, claims=TodoClaims, sinks=sinks, clock=clock)
