"""The headers of every answer: security, storing, request id. Computed once from the policy, merged per answer."""

from collections.abc import Iterable, Sequence

from sealring.policy import Policy
from sealring.web.cookies import CookieNames

Header = tuple[bytes, bytes]

_FIXED: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    # Not `no-referrer`: it makes browsers send `Origin: null` with a form of our own pages (Fetch section 3.2).
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"x-frame-options", b"DENY"),
)
# RFC 6797; ASVS 3.4.1: at least one year, subdomains included, which also keeps them from tossing cookies over http.
_HSTS: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_NO_STORE: Header = (b"cache-control", b"no-store")
_PRIVATE: Header = (b"cache-control", b"private")
_VARY_SAFE = ("Cookie", "Authorization")
_VARY_UNSAFE = ("Cookie", "Authorization", "Sec-Fetch-Site", "Origin")


class AnswerHeaders:
    """Adds to the headers of an answer what every answer has.

    A security header that the answer brings itself stays as it is.

    Args:
        policy: of the application.
    """

    def __init__(self, policy: Policy) -> None:
        names = CookieNames.from_policy(policy)
        self._own_cookies = (f"{names.access}=".encode(), f"{names.refresh}=".encode())
        self._no_store_prefixes = policy.web.no_store_prefixes
        csp = (b"content-security-policy", policy.web.csp.encode("ascii"))
        self._security = (csp, *_FIXED, _HSTS) if policy.web.hsts else (csp, *_FIXED)

    def complete(
        self, headers: Iterable[Header], *, path: str, safe_method: bool, with_credential: bool, request_id: str
    ) -> list[Header]:
        """Return the complete headers of an answer.

        Args:
            headers: what the answer has so far.
            path: of the request, as the application routes it.
            safe_method: whether the request method is safe.
            with_credential: whether a credential of ours came with the request.
            request_id: goes into ``X-Request-Id``, in place of any that is there.
        """
        own = [(name.lower(), value) for name, value in headers if name.lower() != b"x-request-id"]
        present = {name for name, _ in own}
        complete = [header for header in own if header[0] != b"cache-control"]
        complete += [header for header in self._security if header[0] not in present]
        complete += self._storing(own, path, safe_method=safe_method, with_credential=with_credential)
        complete.append((b"x-request-id", request_id.encode("ascii")))
        return complete

    def _storing(
        self, own: Sequence[Header], path: str, *, safe_method: bool, with_credential: bool
    ) -> Iterable[Header]:
        asked = [header for header in own if header[0] == b"cache-control"]
        # RFC 6749 section 5.1: `no-store` in any response that contains tokens or other sensitive information. These
        # answers are not left to choose.
        if path.startswith(self._no_store_prefixes) or self._sets_own_cookie(own):
            yield _NO_STORE
        elif asked:
            yield from asked
        elif with_credential:
            # RFC 9111 section 3: a request's Authorization keeps shared caches away by itself, its Cookie does not.
            yield _PRIVATE
        if any(b"public" in value.lower() for _, value in asked):
            return  # the application says that this answer is the same for everybody
        yield from _vary(own, _VARY_SAFE if safe_method else _VARY_UNSAFE)

    def _sets_own_cookie(self, own: Iterable[Header]) -> bool:
        return any(name == b"set-cookie" and value.startswith(self._own_cookies) for name, value in own)


def _vary(own: Iterable[Header], wanted: Sequence[str]) -> Iterable[Header]:
    named = {
        part.strip() for name, value in own if name == b"vary" for part in value.decode("latin-1").lower().split(",")
    }
    missing = [] if "*" in named else [name for name in wanted if name.lower() not in named]
    if missing:
        yield b"vary", ", ".join(missing).encode("ascii")
