"""What a token costs, claim by claim, and the limits that it must keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sealring.errors import TokenTooLarge
from sealring.jose.encoding import dump_json

MAX_COOKIE_BYTES: Final = 4_096
"""rfc6265bis section 5.6: user agents drop a cookie whose name and value together exceed 4096 octets."""


@dataclass(frozen=True, slots=True)
class TokenSize:
    """The bytes of one compact JWS; the parts and two dots add up to the whole.

    Attributes:
        header: of the first segment.
        claims: name and bytes of each claim, in the order of the token; a comma or brace counts with its claim.
        other: of the second segment, but of no claim: white space and escapes that we never write.
        signature: of the third segment.
    """

    header: int
    claims: tuple[tuple[str, int], ...]
    other: int
    signature: int

    @property
    def total(self) -> int:
        """The length of the whole token."""
        return self.header + sum(cost for _, cost in self.claims) + self.other + self.signature + 2

    def explained(self) -> str:
        """Return a list for people, the most expensive claim first."""
        claims = sorted(self.claims, key=lambda claim: (-claim[1], claim[0]))
        return ", ".join(
            (*(f"{name} {cost}" for name, cost in claims), f"header {self.header}, signature {self.signature}, dots 2")
        )


def measure(text: str, payload: Mapping[str, object]) -> TokenSize:
    """Tell what each part of a token costs.

    Args:
        text: the compact JWS.
        payload: its claims.
    """
    header, body, signature = (len(segment) for segment in text.split("."))
    claims, end, encoded = [], 0, 0
    for name, value in payload.items():
        # The opening brace counts with the first claim, every comma and the closing brace with the claim before it.
        end += len(dump_json({name: value})) - (1 if end else 0)
        # RFC 4648 section 5, without padding: three bytes become four characters. Sums are rounded, not the parts, so
        # that the parts add up.
        cost = -(-end * 4 // 3) - encoded
        encoded += cost
        claims.append((name, cost))
    return TokenSize(header, tuple(claims), body - encoded, signature)


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """The size that a token must keep.

    Attributes:
        budget: bytes of the token.
        cookie: name of the cookie that carries it, or None where it goes without one.
    """

    budget: int
    cookie: str | None = None

    def check(self, text: str, payload: Mapping[str, object]) -> None:
        """Refuse a token that exceeds its budget or does not fit into its cookie.

        Args:
            text: the compact JWS.
            payload: its claims.

        Raises:
            TokenTooLarge: it does; the detail lists the bytes of each claim.
        """
        if len(text) > self.budget:
            reason = f"the token has {len(text)} bytes, its budget is {self.budget}"
        elif self.cookie is not None and len(self.cookie) + len(text) > MAX_COOKIE_BYTES:
            reason = (
                f"the cookie {self.cookie} would have {len(self.cookie) + len(text)} bytes with its name; "
                f"browsers drop it above {MAX_COOKIE_BYTES}"
            )
        else:
            return
        raise TokenTooLarge(f"{reason}; bytes by claim: {measure(text, payload).explained()}")
