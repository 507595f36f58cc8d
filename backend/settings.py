"""The application's own settings, from environment variables that begin with ``TODO_``.

The settings of tokens, sessions and cookies are Sealring's and begin with ``SEALRING_``.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from limits import parse
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from sealring.errors import ConfigurationError

REPOSITORY = Path(__file__).resolve().parent.parent


def _rate(text: str) -> str:
    parse(text)
    return text


def _server(url: SecretStr) -> SecretStr:
    try:
        known = make_url(url.get_secret_value()).drivername in {"postgresql", "postgres"}
    except ArgumentError:
        known = False
    if not known:
        # Not the URL itself: it may hold a password.
        raise ValueError("it is written postgresql://user:password@host:port/database")
    return url


# As the library `limits` reads it, for example "10/minute" or "100 per 2 hours".
Rate = Annotated[str, AfterValidator(_rate)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_server)]


class TodoSettings(BaseSettings):
    """Everything an operator can decide about the Todo application.

    Attributes:
        data_dir: ``TODO_DATA_DIR``, the directory of both database files; made with mode 0700 when it is missing;
            default ``./data``.
        database_url: ``TODO_DATABASE_URL``, ``postgresql://user:password@host:port/database`` with the options of its
            driver; default the SQLite file ``todo.db`` in the data directory.
        frontend_dir: ``TODO_FRONTEND_DIR``, the built front end; default ``frontend/dist`` of this repository.
        lock_timeout: ``TODO_LOCK_TIMEOUT``, how long a statement waits for another writer before the answer is 503;
            seconds, 0.01 to 60, default 5.
        login_limit: ``TODO_LOGIN_LIMIT``, sign-ins and other password checks of one account from one address;
            default ``10/minute``.
        login_address_limit: ``TODO_LOGIN_ADDRESS_LIMIT``, the same for all accounts from one address together;
            default ``50/minute``.
        register_limit: ``TODO_REGISTER_LIMIT``, new accounts from one address; default ``30/hour``.
        trusted_proxies: ``TODO_TRUSTED_PROXIES``, addresses or networks, separated by commas, whose
            ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed; default none.
        password_memory: ``TODO_PASSWORD_MEMORY``, argon2id memory of one hash in KiB; 19,456 (the least that the OWASP
            cheat sheet names) to 1,048,576, default 65,536 (RFC 9106 section 4, second recommended option).
        password_passes: ``TODO_PASSWORD_PASSES``, argon2id passes; 2 to 20, default 3.
        password_lanes: ``TODO_PASSWORD_LANES``, argon2id lanes, each a thread; 1 to 16, default 4.
        password_workers: ``TODO_PASSWORD_WORKERS``, hashes computed at the same time; 1 to 64, default 2. It bounds the
            memory that a flood of sign-ins can take: ``password_workers * password_memory``.
        password_queue: ``TODO_PASSWORD_QUEUE``, requests that may wait for a hash; one more is answered with 429;
            0 to 10,000, default 100.
        max_todos: ``TODO_MAX_TODOS``, todos of one account; 1 to 1,000,000, default 10,000.
        metrics: ``TODO_METRICS``, whether ``/metrics`` is there; default true. It names no account, but a public
            installation should hide it behind its proxy.
        log_level: ``TODO_LOG_LEVEL``, ``debug``, ``info``, ``warning`` or ``error``; default ``info``.
    """

    model_config = SettingsConfigDict(env_prefix="TODO_", frozen=True, extra="forbid")

    data_dir: Path = Path("data")
    database_url: DatabaseUrl | None = None
    frontend_dir: Path = REPOSITORY / "frontend" / "dist"
    lock_timeout: float = Field(default=5.0, ge=0.01, le=60)
    login_limit: Rate = "10/minute"
    login_address_limit: Rate = "50/minute"
    register_limit: Rate = "30/hour"
    trusted_proxies: str = ""
    password_memory: int = Field(default=65_536, ge=19_456, le=1_048_576)
    password_passes: int = Field(default=3, ge=2, le=20)
    password_lanes: int = Field(default=4, ge=1, le=16)
    password_workers: int = Field(default=2, ge=1, le=64)
    password_queue: int = Field(default=100, ge=0, le=10_000)
    max_todos: int = Field(default=10_000, ge=1, le=1_000_000)
    metrics: bool = True
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def database(self) -> Path | URL:
        """The application's own database: a file, or the URL of a server."""
        if self.database_url is not None:
            return make_url(self.database_url.get_secret_value())
        return self.data_dir / "todo.db"

    @property
    def session_database(self) -> Path:
        """Sealring's database file."""
        return self.data_dir / "sealring.db"

    @property
    def patience(self) -> timedelta:
        """How long a statement waits for another writer."""
        return timedelta(seconds=self.lock_timeout)


def load_todo_settings() -> TodoSettings:
    """Read the settings from the environment.

    Raises:
        ConfigurationError: a value is wrong; one sentence for each says which and why.
    """
    try:
        return TodoSettings()
    except ValidationError as error:
        faults = ((str(fault["loc"][0]).upper(), fault["msg"]) for fault in error.errors())
        raise ConfigurationError(" ".join(f"TODO_{name}: {why}." for name, why in faults)) from None
