"""Every error that a public call of this package raises.

    SealringError
    ├── ConfigurationError          a setting, secret or claim model is wrong: raised at start-up
    ├── JoseError                   a token or key failed the strict gate (never shown to a client as it is)
    │   ├── UnknownKey              a token names a key that this verifier does not know (yet)
    │   └── KeyRefused              a key that must not be used: weak, malformed, of the wrong kind
    ├── KeyRingError                the key ring cannot be read, or a row of it is not authentic
    ├── TokenTooLarge               an access token would exceed its size budget
    └── RefusedError                a request is refused: code, status and action of spec/error-codes.json
        ├── NotAuthenticated        not_authenticated       401  no credential came along
        ├── TokenMissing            token_missing           401  no access token, but a refresh cookie
        ├── TokenExpired            token_expired           401
        ├── TokenSuperseded         token_superseded        401  key, epoch or claims version is out of use
        ├── TokenInvalid            token_invalid           401  malformed, forged, foreign
        ├── TokenRevoked            token_revoked           401  its session has ended
        ├── SubjectInactive         subject_inactive        401  account deleted or disabled
        ├── CredentialsInvalid      credentials_invalid     401
        ├── LoginSuperseded         login_superseded        401  the subject's epoch rose during the login
        ├── RefreshMissing          refresh_missing         401
        ├── RefreshInvalid          refresh_invalid         401
        ├── SessionExpiredIdle      session_expired_idle    401
        ├── SessionExpiredAbsolute  session_expired_absolute 401
        ├── SessionRevoked          session_revoked         401
        ├── SessionReused           session_reused          401  theft: an old refresh token came back
        ├── BindingFailed           binding_failed          401  no proof by the key that the session is bound to
        ├── CallerUnknown           caller_unknown          401  a service that none of the configured ones is
        ├── InsufficientScope       insufficient_scope      403
        ├── CsrfRefused             csrf_refused            403
        ├── RequestInvalid          request_invalid         400
        ├── ValidationFailed        validation_failed       422
        ├── NotFound                not_found               404
        ├── MethodNotAllowed        method_not_allowed      405
        ├── Conflict                conflict                409
        ├── TooManySessions         too_many_sessions       409  and the policy is to refuse one more
        ├── BodyTooLarge            body_too_large          413
        ├── MediaTypeRefused        media_type_refused      415
        ├── RateLimited             rate_limited            429
        ├── InternalError           internal_error          500
        ├── StoreUnavailable        store_unavailable       503
        └── VersionUnknown          version_unknown         503  made by a newer server of a rolling deploy

``message`` is for the person at the other end and never tells why a credential failed; ``detail`` is for the log and
never holds a token, cookie value or secret.
"""

from enum import StrEnum
from typing import ClassVar, Literal


class Action(StrEnum):
    """What a client does about an error; the meanings stand in ``spec/error-codes.json``."""

    RETRY = "retry"
    REFRESH = "refresh"
    SIGN_IN = "sign_in"
    FIX = "fix"


class SealringError(Exception):
    """Base of everything that this package raises.

    Args:
        detail: one sentence for the log; never a token, cookie value or secret.
    """

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or type(self).__name__)
        self.detail = detail


class ConfigurationError(SealringError):
    """A setting, secret, policy or claim model is wrong; the sentence says what to do about it."""


JoseReason = Literal[
    "size", "malformed", "json", "alg", "kid", "unknown_kid", "typ", "crit", "header", "signature", "key"
]


class JoseError(SealringError):
    """A token or key did not pass the strict gate; ``detail`` names the rule.

    Attributes:
        reason: the stable name of the rule that refused, for events and tests.

    Args:
        detail: one sentence for the log; never a part of the token.
        reason: see the attribute; default ``malformed``.
    """

    def __init__(self, detail: str = "", *, reason: JoseReason = "malformed") -> None:
        super().__init__(detail)
        self.reason: JoseReason = reason


class UnknownKey(JoseError):
    """A token names a key that this verifier does not know; a key ring reloads once before it believes that.

    Attributes:
        kid: the key id of the token's header: 1 to 128 printable ASCII characters, chosen by whoever sent it.
    """

    def __init__(self, kid: str) -> None:
        super().__init__("the header names a key that is not known", reason="unknown_kid")
        self.kid = kid


class KeyRefused(JoseError):
    """A key must not be used: weak, malformed or of the wrong kind."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, reason="key")


class KeyRingError(SealringError):
    """The key ring cannot be unwrapped, or one of its rows is not authentic."""


class TokenTooLarge(SealringError):
    """An access token would exceed its size budget; ``detail`` lists the cost of each claim in bytes."""


class RefusedError(SealringError):
    """A request is refused, with one stable code.

    Attributes:
        code: the stable name, a key of ``spec/error-codes.json``.
        status: the HTTP status.
        error: the OAuth error code (RFC 6749 section 5.2, RFC 6750 section 3.1); None where RFC 6750 wants a bare
            challenge.
        action: what the client does about it.
        message: the public sentence.
        retry_after: seconds to wait before the next try, or None.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    error: ClassVar[str | None]
    action: ClassVar[Action]
    message: ClassVar[str]

    def __init__(self, detail: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class NotAuthenticated(RefusedError):
    """No credential came with the request (RFC 6750 section 3: a challenge without an error code)."""

    code, status, error, action = "not_authenticated", 401, None, Action.SIGN_IN
    message = "Sign in to continue."


class TokenMissing(RefusedError):
    """No access token came, but a refresh cookie did: browsers drop expired cookies by themselves."""

    code, status, error, action = "token_missing", 401, None, Action.REFRESH
    message = "The access token is missing."


class TokenExpired(RefusedError):
    """The access token is past its ``exp`` (RFC 7519 section 4.1.4)."""

    code, status, error, action = "token_expired", 401, "invalid_token", Action.REFRESH
    message = "The access token has expired."


class TokenSuperseded(RefusedError):
    """The token's key, epoch or claims version is out of use, or it is from the future, while its session lives on."""

    code, status, error, action = "token_superseded", 401, "invalid_token", Action.REFRESH
    message = "The access token was superseded by a newer one."


class TokenInvalid(RefusedError):
    """The access token is malformed, forged, of another kind or meant for somebody else."""

    code, status, error, action = "token_invalid", 401, "invalid_token", Action.SIGN_IN
    message = "The access token is not valid."


class TokenRevoked(RefusedError):
    """The session of the access token has ended, or the token itself was denied."""

    code, status, error, action = "token_revoked", 401, "invalid_token", Action.SIGN_IN
    message = "The session of this access token has ended."


class SubjectInactive(RefusedError):
    """The account is deleted or disabled."""

    code, status, error, action = "subject_inactive", 401, "invalid_token", Action.SIGN_IN
    message = "This account is not active."


class CredentialsInvalid(RefusedError):
    """The login failed; the same for an unknown user and a wrong password."""

    code, status, error, action = "credentials_invalid", 401, "invalid_grant", Action.FIX
    message = "The credentials are not valid."


class LoginSuperseded(RefusedError):
    """The subject's sessions were ended while this login was under way."""

    code, status, error, action = "login_superseded", 401, "invalid_grant", Action.SIGN_IN
    message = "The account changed while signing in. Sign in again."


class RefreshMissing(RefusedError):
    """A refresh was asked for without a refresh token."""

    code, status, error, action = "refresh_missing", 401, "invalid_grant", Action.SIGN_IN
    message = "There is no session to refresh."


class RefreshInvalid(RefusedError):
    """The refresh token is malformed, forged, unknown or belongs to another client."""

    code, status, error, action = "refresh_invalid", 401, "invalid_grant", Action.SIGN_IN
    message = "The refresh token is not valid."


class SessionExpiredIdle(RefusedError):
    """The session is past its idle end."""

    code, status, error, action = "session_expired_idle", 401, "invalid_grant", Action.SIGN_IN
    message = "The session ended after a time without activity."


class SessionExpiredAbsolute(RefusedError):
    """The session is past its absolute end."""

    code, status, error, action = "session_expired_absolute", 401, "invalid_grant", Action.SIGN_IN
    message = "The session reached its longest allowed life."


class SessionRevoked(RefusedError):
    """The session was ended: by its user, by an administrator or by a rule."""

    code, status, error, action = "session_revoked", 401, "invalid_grant", Action.SIGN_IN
    message = "The session has ended."


class SessionReused(RefusedError):
    """An old refresh token came back: the session was ended as stolen (RFC 9700 section 4.14.2)."""

    code, status, error, action = "session_reused", 401, "invalid_grant", Action.SIGN_IN
    message = "The session was ended because an old refresh token was used again."


class BindingFailed(RefusedError):
    """The session is bound to a key, and the proof is missing or made by another one."""

    code, status, error, action = "binding_failed", 401, "invalid_grant", Action.SIGN_IN
    message = "The session is bound to another key."


class CallerUnknown(RefusedError):
    """A service asked for something without a secret of a configured one (RFC 6749 section 5.2)."""

    code, status, error, action = "caller_unknown", 401, "invalid_client", Action.FIX
    message = "The calling service is not known."


class InsufficientScope(RefusedError):
    """The access token lacks a scope (RFC 6750 section 3.1).

    Args:
        required: the scope tokens that the route asks for.
    """

    code, status, error, action = "insufficient_scope", 403, "insufficient_scope", Action.FIX
    message = "The access token does not carry the scope that this needs."

    def __init__(self, required: tuple[str, ...] = ()) -> None:
        super().__init__(f"needs scope {' '.join(required)}")
        self.required = required


class CsrfRefused(RefusedError):
    """A state-changing request does not come from the application's own pages."""

    code, status, error, action = "csrf_refused", 403, "invalid_request", Action.FIX
    message = "The request does not come from this site's own pages."


class RequestInvalid(RefusedError):
    """The request is malformed."""

    code, status, error, action = "request_invalid", 400, "invalid_request", Action.FIX
    message = "The request is malformed."


class ValidationFailed(RefusedError):
    """Fields of the body are wrong.

    Args:
        fields: pairs of field path and sentence; never the value that was sent.
    """

    code, status, error, action = "validation_failed", 422, "invalid_request", Action.FIX
    message = "A field of the request is not valid."

    def __init__(self, fields: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in fields))
        self.fields = fields


class NotFound(RefusedError):
    """There is no such thing, or it belongs to somebody else."""

    code, status, error, action = "not_found", 404, "not_found", Action.FIX
    message = "There is no such thing here."


class MethodNotAllowed(RefusedError):
    """The address exists, the method does not."""

    code, status, error, action = "method_not_allowed", 405, "invalid_request", Action.FIX
    message = "This address does not answer that method."


class Conflict(RefusedError):
    """The request conflicts with the present state."""

    code, status, error, action = "conflict", 409, "invalid_request", Action.FIX
    message = "The request conflicts with what is there."


class TooManySessions(RefusedError):
    """The account has as many sessions as it may have, and the policy is to refuse one more."""

    code, status, error, action = "too_many_sessions", 409, "invalid_request", Action.FIX
    message = "This account is signed in on as many devices as it may be. Sign out on one of them first."


class BodyTooLarge(RefusedError):
    """The request body is over the limit."""

    code, status, error, action = "body_too_large", 413, "invalid_request", Action.FIX
    message = "The request body is too large."


class MediaTypeRefused(RefusedError):
    """The request body is not JSON."""

    code, status, error, action = "media_type_refused", 415, "invalid_request", Action.FIX
    message = "The request body must be JSON."


class RateLimited(RefusedError):
    """Too many attempts; ``retry_after`` says when the next one is welcome."""

    code, status, error, action = "rate_limited", 429, "slow_down", Action.RETRY
    message = "Too many attempts. Wait a moment."


class InternalError(RefusedError):
    """An unexpected failure on our side; the detail stays in the log."""

    code, status, error, action = "internal_error", 500, "server_error", Action.RETRY
    message = "Something went wrong on our side."


class StoreUnavailable(RefusedError):
    """The store cannot be reached or did not answer in time."""

    code, status, error, action = "store_unavailable", 503, "temporarily_unavailable", Action.RETRY
    message = "The session store cannot be reached. Try again shortly."

    def __init__(self, detail: str = "", *, retry_after: int | None = 1) -> None:
        super().__init__(detail, retry_after=retry_after)


class VersionUnknown(RefusedError):
    """A token carries a version that a newer server of a rolling deploy has made.

    Attributes:
        version: the version that it carries; 0 where that is not known.
    """

    code, status, error, action = "version_unknown", 503, "temporarily_unavailable", Action.RETRY
    message = "This server does not know the version of this token yet. Try again shortly."

    def __init__(self, detail: str = "", *, version: int = 0, retry_after: int | None = 1) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.version = version
