"""The few token helpers that routes use: who signs in, whose request it is, what a session says about its account."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from backend import schemas
from backend.accounts import Accounts
from backend.auth.config import SCOPE, TodoClaims
from backend.models import User
from backend.utils.security import AttemptLimits
from sealring import Sealring, Subject
from sealring.fastapi import LoginApproved, Token, current_user
from sealring.sessions.subject import SubjectLoader
from sealring.web.request_auth import request_auth


def subject_loader(accounts: Accounts, *, max_todos: int) -> SubjectLoader:
    """Return what tells Sealring about an account at every refresh.

    Args:
        accounts: of the application.
        max_todos: goes into the claims.
    """

    async def load(subject_id: str) -> Subject | None:
        user = await accounts.active(subject_id)
        return None if user is None else subject_of(user, max_todos=max_todos)

    return load


def subject_of(user: User, *, max_todos: int) -> Subject:
    """Return what tokens and session answers say about an account."""
    told = schemas.User.model_validate(user).model_dump()
    return Subject(id=user.id, claims=TodoClaims(max_todos=max_todos), scope=SCOPE, user=told)


def signed_in_user(accounts: Accounts) -> Callable[..., Awaitable[User]]:
    """Return the dependency that gives a route the account of its access token; 401 when it is deleted or disabled.

    Args:
        accounts: asked at every request, so that a deletion takes effect at once.
    """

    async def load(token: Token) -> User | None:
        return await accounts.active(token.subject)

    return current_user(load=load)


def password_login(
    ring: Sealring[TodoClaims], accounts: Accounts, limits: AttemptLimits, *, max_todos: int
) -> Callable[..., Awaitable[LoginApproved | None]]:
    """Return the dependency that checks an e-mail address and a password.

    Answer and work are the same for a wrong password, an unknown address and a disabled account.

    Args:
        ring: begins the login.
        accounts: of the application.
        limits: bounds how often somebody may try.
        max_todos: goes into the claims.
    """

    async def authenticate(form: schemas.Credentials, request: Request) -> LoginApproved | None:
        await limits.check_password_attempt(form.email, client_address(request))
        user_id = await accounts.id_of(form.email)
        # Before the hash is read: a password change from here on makes this login fail.
        login = await ring.begin_login(user_id)
        user = await accounts.authenticate(user_id, form.password.get_secret_value())
        if user is None:
            return None
        return LoginApproved(
            login=login, subject=subject_of(user, max_todos=max_todos), amr=("pwd",), persistent=form.remember
        )

    return authenticate


def client_address(request: Request) -> str:
    """Return the address that a request came from; a proxy's word counts only where it is a trusted one."""
    return request_auth(request.scope).client_ip
