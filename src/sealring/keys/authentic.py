"""From rows that a store gave to keys that may be used: every row proves itself, or changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sealring.errors import JoseError, KeyRingError
from sealring.jose import SigningKey, VerificationKey, import_public_jwk
from sealring.keys.record import KeyRow, KeyState, RingSnapshot
from sealring.keys.rules import public_jwk, signing_row
from sealring.keys.wrapping import KeyEncryptionKeys

_ORDER: Final = tuple(KeyState)


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """A key of the ring, as a verifier sees it.

    Attributes:
        row: the authentic row.
        key: the verification key; of a retired or distrusted key too, but then never to be believed.
    """

    row: KeyRow = field(repr=False)
    key: VerificationKey

    @property
    def state(self) -> KeyState:
        """Where the key stands; a token of a key whose state no longer ``verifies`` is superseded."""
        return self.row.state


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that is not used.

    Attributes:
        kid: what the row says; it is not authentic.
        detail: why, in one sentence.
    """

    kid: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuthenticRing:
    """The authentic keys of one snapshot; immutable, so that it can be swapped as a whole.

    Attributes:
        revision: of the snapshot.
        keys: by ``kid``.
        signing: the key that signs, None when no active row is authentic.
        refused: rows that are not used.
    """

    revision: int
    keys: Mapping[str, KeyStatus]
    signing: SigningKey | None
    refused: tuple[RefusedRow, ...]

    @property
    def rows(self) -> tuple[KeyRow, ...]:
        """The authentic rows."""
        return tuple(status.row for status in self.keys.values())


def authenticate(snapshot: RingSnapshot, keks: KeyEncryptionKeys, held: AuthenticRing | None = None) -> AuthenticRing:
    """Return what of a snapshot is authentic.

    Args:
        snapshot: as the store gave it.
        keks: open the rows.
        held: what this process already held. A row that is not authentic leaves the key's held status as it was, and
            so does an old copy of a row put back: a key never moves back to an earlier state.
    """
    keys: dict[str, KeyStatus] = {}
    refused: list[RefusedRow] = []
    signers = {held.signing.kid: held.signing} if held and held.signing else {}
    for row in snapshot.rows:
        known = keys.get(row.kid) or (held.keys.get(row.kid) if held else None)
        try:
            keys[row.kid] = _open(row, keks, signers)
            if known and _ORDER.index(known.state) > _ORDER.index(row.state):
                raise KeyRingError(f"a key of the ring was put back from {known.state} to {row.state}")
        except KeyRingError as error:
            refused.append(RefusedRow(row.kid, error.detail))
            if known:
                keys[row.kid] = known
    signing = signing_row(status.row for status in keys.values())
    return AuthenticRing(snapshot.revision, keys, signers.get(signing.kid) if signing else None, tuple(refused))


def _open(row: KeyRow, keks: KeyEncryptionKeys, signers: dict[str, SigningKey]) -> KeyStatus:
    """Open one row, and note its signing key among ``signers`` when it is active."""
    private = keks.open(row)
    if row.state.verifies != bool(private):
        raise KeyRingError(f"a key of the ring that is {row.state} has a private key, or has none, against the rule")
    try:
        key = import_public_jwk(public_jwk(row), alg=row.alg)
        signer = signers.get(row.kid) or (
            SigningKey.from_private_bytes(private, row.alg) if row.state is KeyState.ACTIVE else None
        )
    except JoseError as error:
        raise KeyRingError(f"a key of the ring cannot be used: {error.detail}") from None
    if row.kid != key.kid or row.kid != key.thumbprint() or (signer and row.kid != signer.kid):
        raise KeyRingError("a key of the ring does not carry its own thumbprint")
    if signer:
        signers[row.kid] = signer
    return KeyStatus(row, key)
