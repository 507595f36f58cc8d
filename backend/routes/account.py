"""Signing up, and what an owner may do with the account."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, status

from backend import schemas
from backend.accounts import Accounts
from backend.auth.config import ACCOUNT_SCOPE, TodoClaims
from backend.auth.utils import client_address
from backend.models import User
from backend.routes import ERRORS
from backend.utils.security import AttemptLimits
from sealring import AccessToken, Sealring
from sealring.fastapi import access_token, requires


def account_router(
    accounts: Accounts,
    limits: AttemptLimits,
    ring: Sealring[TodoClaims],
    signed_in: Callable[..., Awaitable[User]],
) -> APIRouter:
    """Return the routes of ``/api/account``.

    Args:
        accounts: of the application.
        limits: bounds registrations and password checks.
        ring: ends sessions.
        signed_in: the dependency that gives the account of the request.
    """
    router = APIRouter(prefix="/api/account", tags=["account"], responses=ERRORS)
    own = Depends(requires(ACCOUNT_SCOPE))
    # Whoever was signed out a second ago must not change what the account is opened with.
    own_now = Depends(requires(ACCOUNT_SCOPE, sensitive=True))

    @router.post("", operation_id="createAccount", status_code=status.HTTP_201_CREATED, response_model=schemas.User)
    async def create_account(draft: schemas.AccountDraft, request: Request) -> User:
        """Create an account. It does not sign in: ``POST /auth/login`` does."""
        await limits.check_registration(client_address(request))
        return await accounts.register(draft)

    @router.get("", operation_id="getAccount", response_model=schemas.User, dependencies=[own])
    async def get_account(user: Annotated[User, Depends(signed_in)]) -> User:
        """Return the signed-in account."""
        return user

    @router.post("/password", operation_id="changePassword", dependencies=[own_now])
    async def change_password(
        change: schemas.PasswordChange,
        request: Request,
        user: Annotated[User, Depends(signed_in)],
        token: Annotated[AccessToken[TodoClaims], Depends(access_token)],
    ) -> schemas.SessionsEnded:
        """Change the password and end every other session of the account; this one stays."""
        await limits.check_password_attempt(user.id, client_address(request))
        await accounts.change_password(
            user.id, change.current_password.get_secret_value(), change.new_password.get_secret_value()
        )
        # Only after the new hash is kept: a login that read the old one is refused by the raised subject epoch.
        ended = await ring.end_other_sessions(user.id, keep=token.session_id, reason="password_changed")
        return schemas.SessionsEnded(ended=ended)

    @router.delete("", operation_id="deleteAccount", status_code=status.HTTP_204_NO_CONTENT, dependencies=[own_now])
    async def delete_account(
        proof: schemas.AccountDeletion, request: Request, user: Annotated[User, Depends(signed_in)]
    ) -> None:
        """Delete the account with all its todos, and end its sessions."""
        await limits.check_password_attempt(user.id, client_address(request))
        await accounts.delete(user.id, proof.password.get_secret_value())
        # The account is gone already: should this fail, its tokens are refused for want of an account.
        await ring.end_all_sessions(user.id, reason="account_deleted")

    return router
