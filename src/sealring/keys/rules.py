"""The rules of the ring as functions of its rows: no store, no clock."""

from collections.abc import Iterable

from sealring.jose import parse_json_object
from sealring.keys.record import KeyRow, KeyState

_PUBLISHED = (KeyState.ACTIVE, KeyState.ANNOUNCED, KeyState.RETIRING)
_MAX_JWK_DEPTH = 2


def jwks(rows: Iterable[KeyRow]) -> dict[str, list[dict[str, object]]]:
    """Return the JWK Set to publish (RFC 7517 section 5): the active, the announced and the retiring keys, in order."""
    published = sorted((row for row in rows if row.state.verifies), key=lambda row: _PUBLISHED.index(row.state))
    return {"keys": [public_jwk(row) for row in published]}


def signing_row(rows: Iterable[KeyRow]) -> KeyRow | None:
    """Return the row that signs: the active one, the latest activated should there be several; or None."""
    active = [row for row in rows if row.state is KeyState.ACTIVE]
    return max(active, key=lambda row: (row.activated_at or row.created_at, row.kid), default=None)


def public_jwk(row: KeyRow) -> dict[str, object]:
    """Return the public JWK of a row.

    Raises:
        JoseError: it is not strict JSON.
    """
    return parse_json_object(row.public_jwk.encode("utf-8"), max_depth=_MAX_JWK_DEPTH, what="the public JWK of a row")
