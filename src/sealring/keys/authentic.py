"""From rows that a store gave to keys that may be used: every row proves itself, or changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sealring.errors import JoseError, KeyRingError
from sealring.jose import SigningKey, VerificationKey, import_public_jwk
from sealring.keys.change import external_reference
from sealring.keys.record import KeyRow, KeyState, RingSnapshot
from sealring.keys.rules import public_jwk, signing_row
from sealring.keys.signer import CheckedSigner, ExternalKeys, LocalSigner, Signer
from sealring.keys.wrapping import KeyEncryptionKeys

_ORDER: Final = tuple(KeyState)


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """A key of the ring, as a verifier sees it.

    Attributes:
        row: the authentic row.
        key: the verification key; of a retired or distrusted key too, but then never to be believed.
        external: whether its private key is kept outside of the ring.
    """

    row: KeyRow = field(repr=False)
    key: VerificationKey
    external: bool = False

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
        signing: who signs, None when no active row is authentic.
        refused: rows that are not used.
        unsigned: why an authentic active key cannot sign in this process; empty when it can.
    """

    revision: int
    keys: Mapping[str, KeyStatus]
    signing: Signer | None
    refused: tuple[RefusedRow, ...]
    unsigned: str = ""

    @property
    def rows(self) -> tuple[KeyRow, ...]:
        """The authentic rows."""
        return tuple(status.row for status in self.keys.values())


def authenticate(
    snapshot: RingSnapshot,
    keks: KeyEncryptionKeys,
    held: AuthenticRing | None = None,
    external: ExternalKeys | None = None,
) -> AuthenticRing:
    """Return what of a snapshot is authentic.

    Args:
        snapshot: as the store gave it.
        keks: open the rows.
        held: what this process already held. A row that is not authentic leaves the key's held status as it was, and
            so does an old copy of a row put back: a key never moves back to an earlier state.
        external: signs with keys that are kept elsewhere.
    """
    keys: dict[str, KeyStatus] = {}
    refused: list[RefusedRow] = []
    signers = {held.signing.kid: held.signing} if held and held.signing else {}
    for row in snapshot.rows:
        known = keys.get(row.kid) or (held.keys.get(row.kid) if held else None)
        try:
            status = _open(row, keks, signers)
            if known and _ORDER.index(known.state) > _ORDER.index(row.state):
                raise KeyRingError(f"a key of the ring was put back from {known.state} to {row.state}")
            keys[row.kid] = status
        except KeyRingError as error:
            refused.append(RefusedRow(row.kid, error.detail))
            if known:
                keys[row.kid] = known
    signing, unsigned = _one_active(keys, refused), ""
    if signing and signing.row.kid not in signers:
        try:
            signers[signing.row.kid] = _external_signer(signing, keks, external)
        except KeyRingError as error:
            # It still verifies: a process that cannot reach the keeper of the key can read its tokens.
            unsigned = error.detail
    return AuthenticRing(
        snapshot.revision, keys, signers.get(signing.row.kid) if signing else None, tuple(refused), unsigned
    )


def _one_active(keys: dict[str, KeyStatus], refused: list[RefusedRow]) -> KeyStatus | None:
    """Return the active key, and refuse any other that says so."""
    signing = signing_row(status.row for status in keys.values())
    for row in [status.row for status in keys.values() if status.state is KeyState.ACTIVE]:
        if row is not signing:
            # No ring of ours has two, so this is an old copy of a row that has moved on since.
            refused.append(RefusedRow(row.kid, "a second active key of the ring is an old copy of a row put back"))
            del keys[row.kid]
    return keys[signing.kid] if signing else None


def _open(row: KeyRow, keks: KeyEncryptionKeys, signers: dict[str, Signer]) -> KeyStatus:
    """Open one row, and note who signs with it among ``signers`` when it is active and kept in the row itself."""
    secret = keks.open(row)
    if row.state.verifies != bool(secret):
        raise KeyRingError(f"a key of the ring that is {row.state} has a private key, or has none, against the rule")
    try:
        key = import_public_jwk(public_jwk(row), alg=row.alg)
        external = external_reference(secret) is not None
        local = row.state is KeyState.ACTIVE and row.kid not in signers and not external
        signing = SigningKey.from_private_bytes(secret, row.alg) if local else None
    except JoseError as error:
        raise KeyRingError(f"a key of the ring cannot be used: {error.detail}") from None
    if row.kid != key.kid or row.kid != key.thumbprint() or (signing and row.kid != signing.kid):
        raise KeyRingError("a key of the ring does not carry its own thumbprint")
    if signing:
        signers[row.kid] = LocalSigner(signing)
    return KeyStatus(row, key, external)


def _external_signer(status: KeyStatus, keks: KeyEncryptionKeys, external: ExternalKeys | None) -> Signer:
    reference = external_reference(keks.open(status.row))
    if external is None or reference is None:
        raise KeyRingError("the active key is kept outside of this process, and no external keys are configured")
    try:
        return CheckedSigner(external.signer(reference, status.key), status.key)
    except Exception as error:
        raise KeyRingError(f"the external signer of the active key failed: {type(error).__name__}") from error
