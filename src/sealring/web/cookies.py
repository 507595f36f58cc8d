"""Cookies: reading the raw ``Cookie`` lines byte by byte, and writing ``Set-Cookie`` with one fixed set of attributes.

Frameworks unquote, decode and merge cookies, and so disagree with browsers about which cookie is whose. Here a cookie
is ours only when its name is ours byte for byte, and two of them are none.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from sealring.access.size import MAX_COOKIE_BYTES
from sealring.errors import ConfigurationError, InternalError, TokenTooLarge
from sealring.policy import Mode, Policy

# rfc6265bis section 5.5: user agents cap the life of a cookie at 400 days.
MAX_COOKIE_AGE = 400 * 86_400

_VALUE = re.compile(r"[A-Za-z0-9._~-]+")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_BLANKS = b" \t"


class CookieState(Enum):
    """What became of reading one cookie."""

    ABSENT = "absent"
    READ = "read"
    MALFORMED = "malformed"  # empty, or with a character that none of our tokens has
    AMBIGUOUS = "ambiguous"  # more than one of the name


@dataclass(frozen=True, slots=True)
class CookieReading:
    """One cookie of ours, as it came with a request.

    Attributes:
        state: what became of reading it.
        value: the value when ``state`` is READ, otherwise None.
    """

    state: CookieState
    value: str | None = None

    @property
    def present(self) -> bool:
        """Whether any cookie of the name came along, usable or not."""
        return self.state is not CookieState.ABSENT

    @property
    def ambiguous(self) -> bool:
        """Whether more than one cookie of the name came along."""
        return self.state is CookieState.AMBIGUOUS

    def __repr__(self) -> str:
        return f"CookieReading(state={self.state})"  # a value never reaches a log


ABSENT = CookieReading(CookieState.ABSENT)
_MALFORMED = CookieReading(CookieState.MALFORMED)
_AMBIGUOUS = CookieReading(CookieState.AMBIGUOUS)


@dataclass(frozen=True, slots=True)
class CookieNames:
    """The names of an application's two cookies.

    The application's name is in them because cookies ignore ports. ``__Host-`` binds a cookie to its host (no Domain,
    Path=/, Secure), ``Http-`` keeps scripts from setting it (layered-cookies section 4.1.3).

    Attributes:
        access: of the cookie with the access token.
        refresh: of the cookie with the refresh token.
    """

    access: str
    refresh: str

    @classmethod
    def from_policy(cls, policy: Policy) -> "CookieNames":
        """Return the names for a policy; without prefix only where ``web.secure_cookies`` is False."""
        prefix = "__Host-Http-" if policy.web.secure_cookies else ""
        return cls(f"{prefix}{policy.app}-at", f"{prefix}{policy.app}-rt")


def access_cookie(policy: Policy) -> str | None:
    """Return the name of the cookie that access tokens must fit into, or None where no client is in cookie mode.

    Raises:
        ConfigurationError: a token within its budget would not fit: name and value exceed 4,096 bytes.
    """
    if all(client.mode is not Mode.COOKIE for client in policy.clients):
        return None
    name = CookieNames.from_policy(policy).access
    room = MAX_COOKIE_BYTES - len(name)
    if policy.access.budget > room:
        raise ConfigurationError(
            f"The token budget is {policy.access.budget} bytes, but the cookie {name} has room for {room}: browsers "
            f"drop a cookie above {MAX_COOKIE_BYTES} bytes without a word."
        )
    return name


def read_cookie(header_values: Iterable[bytes], name: str) -> CookieReading:
    """Find the one cookie of a name in all ``Cookie`` lines of a request.

    Nothing is unquoted, decoded or folded; ``$Version`` and quoted strings (RFC 2109) mean nothing.

    Args:
        header_values: the raw value of every ``Cookie`` line; HTTP/2 may split one into several (RFC 9113 section
            8.2.3).
        name: the exact name.

    Returns:
        The reading; its value holds only ``A-Z a-z 0-9 . _ ~ -``.
    """
    wanted = name.encode()
    found: bytes | None = None
    for line in header_values:
        if wanted not in line:
            continue
        for pair in line.split(b";"):
            key, equals, value = pair.partition(b"=")
            if not equals or key.strip(_BLANKS) != wanted:
                continue
            # rfc6265bis section 5.8: servers SHOULD NOT rely on the order of cookies of one name. Equal values are no
            # excuse: our own answers never lead to two.
            if found is not None:
                return _AMBIGUOUS
            found = value.strip(_BLANKS)
    if found is None:
        return ABSENT
    text = found.decode("latin-1")
    return CookieReading(CookieState.READ, text) if _VALUE.fullmatch(text) else _MALFORMED


def set_cookie(name: str, value: str, *, max_age: int | None, secure: bool) -> bytes:
    """Return the value of a ``Set-Cookie`` line that stores a cookie.

    Args:
        name: of the cookie.
        value: one or more of ``A-Z a-z 0-9 . _ ~ -``.
        max_age: seconds until the browser forgets it, cut to 0 to 400 days; None for until the browser closes.
        secure: whether it goes over https only; False only for plain-http development.

    Raises:
        TokenTooLarge: name and value together exceed 4,096 bytes, and the browser would drop it without a word.
        InternalError: name or value has a character that no cookie of ours has.
    """
    if not _VALUE.fullmatch(value) or not _NAME.fullmatch(name):
        raise InternalError(f"The cookie {name!r} was to be set with a character that is not allowed in it.")
    size = len(name) + len(value)
    if size > MAX_COOKIE_BYTES:
        raise TokenTooLarge(f"The cookie {name} would have {size} bytes; browsers drop it above {MAX_COOKIE_BYTES}.")
    age = "" if max_age is None else f"; Max-Age={min(max(max_age, 0), MAX_COOKIE_AGE)}"
    return f"{name}={value}{age}{_attributes(secure)}".encode()


def delete_cookie(name: str, *, secure: bool) -> bytes:
    """Return the value of a ``Set-Cookie`` line that makes the browser forget a cookie.

    A cookie is replaced only by one of the same name, domain and path (rfc6265bis section 5.7), and a ``__Host-`` one
    only by one that meets the prefix, so the attributes are those of :func:`set_cookie`.

    Args:
        name: of the cookie.
        secure: the same as when it was set.
    """
    return f"{name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{_attributes(secure)}".encode()


def _attributes(secure: bool) -> str:
    return f"; Path=/; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}"
