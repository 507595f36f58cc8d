"""Password hashing, the limit of password checks, cleaning of what users write, and the headers of the pages.

The work is done by pwdlib (argon2id), limits (moving windows) and the standard library; what stands here is how the
application uses them.
"""

import ipaddress
import math
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from anyio import CapacityLimiter, to_thread
from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from pwdlib import PasswordHash
from pwdlib.hashers import HasherProtocol
from pwdlib.hashers.argon2 import Argon2Hasher

from backend.settings import TodoSettings
from sealring.errors import RateLimited

# Scripts, styles and connections from this origin only; no inline script, no inline style, no plug-in, no frame.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

# Unicode TR9 explicit formatting characters: they make text read in another order than it is stored in.
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINE_BREAKS = frozenset("\u2028\u2029")


def argon2id(settings: TodoSettings) -> Argon2Hasher:
    """Return the hasher at the cost of the settings; hashes of another cost are renewed at the next sign-in."""
    return Argon2Hasher(
        time_cost=settings.password_passes, memory_cost=settings.password_memory, parallelism=settings.password_lanes
    )


class Passwords:
    """Hashes and verifies passwords with argon2id, a bounded number at a time.

    Args:
        settings: cost of one hash, how many run and how many may wait.
        hasher: default argon2id at the cost of the settings.
    """

    def __init__(self, settings: TodoSettings, hasher: HasherProtocol | None = None) -> None:
        self._hash = PasswordHash([hasher or argon2id(settings)])
        self._workers = CapacityLimiter(settings.password_workers)
        self._places = settings.password_workers + settings.password_queue
        # Stands in for the hash of an account that does not exist: the same cost, and no password fits it.
        self._nobody = self._hash.hash("")

    async def hash(self, password: str) -> str:
        """Hash a password.

        Returns:
            A PHC string with its own salt and parameters.

        Raises:
            RateLimited: too many hashes are waiting already.
        """
        with self._place():
            return await to_thread.run_sync(self._hash.hash, password, limiter=self._workers)

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Compare a password with a hash; the work is the same when there is no hash to compare with.

        Args:
            password: as it was typed, normalised.
            hashed: the account's hash, or None for an account that does not exist.

        Returns:
            Whether it fits, and a new hash to keep when the old one was made at another cost.

        Raises:
            RateLimited: too many hashes are waiting already.
        """
        with self._place():
            fits, renewed = await to_thread.run_sync(
                self._hash.verify_and_update, password, hashed or self._nobody, limiter=self._workers
            )
        return (fits, renewed) if hashed is not None else (False, None)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._places == 0:
            raise RateLimited("too many password hashes are waiting", retry_after=1)
        self._places -= 1
        try:
            yield
        finally:
            self._places += 1


class AttemptLimits:
    """Counts password checks and registrations, in this process, in moving windows.

    Args:
        settings: the three limits.
    """

    def __init__(self, settings: TodoSettings) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._account = parse(settings.login_limit)
        self._address = parse(settings.login_address_limit)
        self._register = parse(settings.register_limit)

    async def check_password_attempt(self, account: str, address: str) -> None:
        """Count one password check; known and unknown accounts are counted alike.

        Args:
            account: e-mail address or id.
            address: of the client.

        Raises:
            RateLimited: one more than allowed, with the seconds until the next one is.
        """
        # The address first: it bounds how many account entries one client can make us keep.
        await self._hit("address", network_of(address))
        await self._hit("account", account, network_of(address))

    async def check_registration(self, address: str) -> None:
        """Count one new account.

        Raises:
            RateLimited: one more than allowed, with the seconds until the next one is.
        """
        await self._hit("register", network_of(address))

    async def _hit(self, kind: str, *who: str) -> None:
        item = {"address": self._address, "account": self._account, "register": self._register}[kind]
        if await self._limiter.hit(item, kind, *who):
            return
        window = await self._limiter.get_window_stats(item, kind, *who)
        wait = max(1, math.ceil(window.reset_time - time.time()))
        raise RateLimited(f"limit {item} of this {kind}", retry_after=wait)


def network_of(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 address.

    One IPv6 client usually holds a whole /64, so its single addresses say nothing. Text that is no address (a socket
    without one) counts as one client.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def page_headers(path: str) -> dict[str, str]:
    """Return the headers of the application's own pages and files, beside those that every answer has.

    Args:
        path: of the request. The build puts a digest of the content into every name under ``/assets/``, so those never
            change; everything else is asked for again each time.
    """
    hashed = path.startswith("/assets/")
    return {
        "Cache-Control": "public, max-age=31536000, immutable" if hashed else "no-cache",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    }


def clean_text(text: str) -> str:
    """Return text of several lines in NFC without control characters and bidirectional overrides; tabs stay."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    kept = (char for char in text if char in "\n\t" or not _is_control(char))
    return "".join(kept).strip()


def clean_line(text: str) -> str:
    """Return text of one line like :func:`clean_text`, every run of white space made one space."""
    spaced = "".join(" " if char in _LINE_BREAKS else char for char in clean_text(text))
    return " ".join(spaced.split())


def clean_password(text: str) -> str:
    """Return a password as it is hashed: the same characters, whichever keyboard composed them."""
    # RFC 8265 section 4.2 (OpaqueString): every non-ASCII space (category Zs) becomes U+0020, and Unicode Normalization
    # Form C is applied; nothing else changes.
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    return unicodedata.normalize("NFC", spaced)


def fold(text: str) -> str:
    """Return text as the search compares it: without case, and without the differences that NFKC removes."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _is_control(char: str) -> bool:
    # Cc: control characters; Cs: halves of a surrogate pair, which no UTF-8 text holds.
    return char in _BIDI_CONTROLS or unicodedata.category(char) in {"Cc", "Cs"}
