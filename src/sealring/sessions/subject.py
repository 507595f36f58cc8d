"""The account behind a session, as the application tells it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from sealring.errors import ConfigurationError
from sealring.policy import is_scope_token


@dataclass(frozen=True, slots=True)
class Subject:
    """An active account; the application returns None instead for one that is deleted or disabled.

    Attributes:
        id: 1 to 255 characters, stable and never reused; ``sub`` of its tokens.
        claims: the application's own claims, or None where there are none.
        scope: the scope tokens it may have now (RFC 6749 section 3.3); a refresh only ever narrows them.
        user: what the browser is told about it in session answers; JSON values only.
    """

    id: str
    claims: BaseModel | None = None
    scope: tuple[str, ...] = ()
    user: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.id) <= 255:
            raise ConfigurationError("A subject id is 1 to 255 characters.")
        for token in self.scope:
            if not is_scope_token(token):
                raise ConfigurationError(f"{token!r} is not a scope token.")


SubjectLoader = Callable[[str], Awaitable[Subject | None]]


def narrowed(granted: str, subject: Subject) -> str:
    """Return the scope of a session as far as the account still has it; never wider (RFC 6749 section 6)."""
    return " ".join(token for token in granted.split() if token in subject.scope)
