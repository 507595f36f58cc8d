"""Puts the application together: database, accounts, todos, Sealring, routes and pages."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from pwdlib.hashers import HasherProtocol

from backend.accounts import Accounts
from backend.auth.config import TodoClaims, build_ring, token_settings
from backend.auth.utils import password_login, signed_in_user, subject_loader
from backend.db import Database
from backend.frontend import frontend_router
from backend.live import LiveLists
from backend.migrate import migrate, prepare_files
from backend.routes.account import account_router
from backend.routes.live import live_router
from backend.routes.todos import todo_router
from backend.settings import TodoSettings, load_todo_settings
from backend.todos import Todos
from backend.utils.password_rules import PasswordRules
from backend.utils.security import AttemptLimits, Passwords
from sealring import Sealring
from sealring.clock import Clock, SystemClock
from sealring.fastapi import auth_router, client_events_router, operations_router, protect, revocations_router
from sealring.observe.logs import LogSink
from sealring.observe.metrics import PrometheusSink
from sealring.settings import SealringSettings

VERSION = "0.1.0"


def create_app(
    settings: TodoSettings | None = None,
    *,
    tokens: SealringSettings | None = None,
    clock: Clock | None = None,
    hasher: HasherProtocol | None = None,
) -> FastAPI:
    """Build the application; it opens nothing before its lifespan begins.

    Args:
        settings: of the application; default from the environment.
        tokens: Sealring's settings; default from the environment and its settings file.
        clock: tells the time; default the machine's.
        hasher: of passwords; default argon2id at the cost of the settings.

    Returns:
        The ASGI application.

    Raises:
        ConfigurationError: a setting is missing or wrong; the sentence says what to do.
    """
    settings = settings or load_todo_settings()
    tokens = tokens or token_settings(settings)
    clock = clock or SystemClock()
    database = Database(settings.database, patience=settings.patience)
    accounts = Accounts(database, Passwords(settings, hasher), PasswordRules(), clock)
    limits = AttemptLimits(settings)
    lists = LiveLists(database)
    metrics = PrometheusSink()
    load_subject = subject_loader(accounts, max_todos=settings.max_todos)
    ring = build_ring(tokens, load_subject=load_subject, sinks=(LogSink(), metrics), clock=clock)

    app = FastAPI(
        title="Todo",
        version=VERSION,
        summary="A todo list whose sign-in, sessions and tokens are Sealring's.",
        lifespan=_lifespan(settings, database, ring, lists),
        # FastAPI's own pages bring inline scripts, which the Content-Security-Policy forbids.
        docs_url=None,
        redoc_url=None,
        # A redirect would turn a POST to a misspelt address into something else.
        redirect_slashes=False,
    )
    protect(app, ring)
    signed_in = signed_in_user(accounts)
    login = password_login(ring, accounts, limits, max_todos=settings.max_todos)
    app.include_router(auth_router(ring, authenticate=login))
    app.include_router(client_events_router(ring))
    app.include_router(revocations_router(ring, tokens.known_callers()))
    app.include_router(account_router(accounts, limits, ring, signed_in))
    app.include_router(todo_router(Todos(database, clock, lists.changed), signed_in, clock))
    app.include_router(live_router(lists, ring))
    app.include_router(operations_router(ring, metrics if settings.metrics else None))
    app.include_router(frontend_router(settings.frontend_dir))
    return app


def _lifespan(
    settings: TodoSettings, database: Database, ring: Sealring[TodoClaims], lists: LiveLists
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def run(_: FastAPI) -> AsyncIterator[None]:
        prepare_files(settings)
        try:
            await migrate(database)
            async with ring, lists.running():
                yield
        finally:
            await database.close()

    return run
