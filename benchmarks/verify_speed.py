"""Compares signing and verifying a compact JWS with PyJWT, with joserfc, and with the bare cryptography below them.

Run it from the repository: ``python -m benchmarks.verify_speed [ROUNDS]``. All contenders of an algorithm take turns
within every round of one run, over the same payload and the same key; a figure is the median of the rounds, a ratio the
median of the rounds' own ratios over the bare cryptography. Processor time is counted, so that others on the machine
disturb less; still, compare ratios and not microseconds.

"Strict" is what access tokens pass, "general" is for tokens of others; both refuse what the other libraries let pass,
see ``tests/attacks/test_library_baseline.py``.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jws as joserfc_jws
from joserfc.jwk import import_key

from sealring.jose import JWK, JwsVerifier, b64u_decode, sign, verify
from sealring.jose.ed25519 import Cryptography
from sealring.jose.eddsa import Ed25519
from sealring.jose.jws import sign as sign_typed

CALLS = 300
PAYLOAD = json.dumps({f"claim{number}": "x" * 20 for number in range(10)}).encode()
PYJWT_NAME = {"Ed25519": "EdDSA"}  # PyJWT does not know the name of RFC 9864 yet

Contender = Callable[[], object]


def floor(key: JWK, token: str) -> tuple[Contender, Contender]:
    """Return verifying and signing with ``cryptography`` alone, over bytes that are ready for it."""
    data, _, last = token.rpartition(".")
    message, signature = data.encode(), b64u_decode(last, what="the signature")
    native = key._private
    if key.alg == "ES256":
        scheme, deterministic = ec.ECDSA(hashes.SHA256()), ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        public = native.public_key()
        return lambda: public.verify(der, message, scheme), lambda: native.sign(message, deterministic)
    if key.alg == "RS256":
        public, pad, digest = native.public_key(), padding.PKCS1v15(), hashes.SHA256()
        return lambda: public.verify(signature, message, pad, digest), lambda: native.sign(message, pad, digest)
    edwards = native.native
    public = edwards.public_key()
    return lambda: public.verify(signature, message), lambda: edwards.sign(message)


def contenders(alg: str) -> tuple[dict[str, Contender], dict[str, Contender]]:
    """Return those who verify and those who sign, the floor first."""
    key = JWK.generate(alg)
    signing, public = key.signing_key(), key.public()
    token = sign(PAYLOAD, key, typ="at+jwt")
    strict = JwsVerifier(algorithms=frozenset({alg}), typ="at+jwt")
    known = {signing.kid: signing.public}.get
    bare_verify, bare_sign = floor(key, token)
    verifying: dict[str, Contender] = {
        "cryptography alone": bare_verify,
        "sealring, strict": lambda: strict.verify(token, known),
        "sealring, general": lambda: verify(token, public, algorithms=[alg]),
    }
    making: dict[str, Contender] = {
        "cryptography alone": bare_sign,
        "sealring, strict": lambda: sign_typed(PAYLOAD, signing, typ="at+jwt"),
        "sealring, general": lambda: sign(PAYLOAD, key, typ="at+jwt"),
    }
    if alg == "Ed25519":
        row = Ed25519("Ed25519", Cryptography())
        data, _, last = token.rpartition(".")
        parts = data.encode(), b64u_decode(last, what="the signature")
        verifying["the same without PyNaCl, signature only"] = lambda: row.verify(key._public, *parts)
        making["the same without PyNaCl, signature only"] = lambda: row.sign(key._private, parts[0])
    _add_pyjwt(key, verifying, making)
    _add_joserfc(key, token, verifying, making)
    return verifying, making


def _add_pyjwt(key: JWK, verifying: dict[str, Contender], making: dict[str, Contender]) -> None:
    name = PYJWT_NAME.get(key.alg, key.alg)
    library, private = jwt.PyJWS(), jwt.PyJWK({**key.to_dict(private=True), "alg": name}).key
    public, header = private.public_key(), {"kid": key.kid, "typ": "at+jwt"}
    token = library.encode(PAYLOAD, private, algorithm=name, headers=header)
    verifying["PyJWT"] = lambda: library.decode(token, public, algorithms=[name])
    making["PyJWT"] = lambda: library.encode(PAYLOAD, private, algorithm=name, headers=header)


def _add_joserfc(key: JWK, token: str, verifying: dict[str, Contender], making: dict[str, Contender]) -> None:
    members: dict[str, str | list[str]] = {name: str(value) for name, value in key.to_dict(private=True).items()}
    theirs, header = import_key(members), {"alg": key.alg, "kid": key.kid, "typ": "at+jwt"}
    verifying["joserfc"] = lambda: joserfc_jws.deserialize_compact(token, theirs, algorithms=[key.alg])
    making["joserfc"] = lambda: joserfc_jws.serialize_compact(header, PAYLOAD, theirs, algorithms=[key.alg])


def microseconds(call: Contender) -> float:
    """Return the processor time of one call in microseconds, the mean of a batch."""
    started = time.process_time_ns()
    for _ in range(CALLS):
        call()
    return (time.process_time_ns() - started) / CALLS / 1e3


def race(title: str, runners: dict[str, Contender], rounds: int) -> None:
    """Print a table: microseconds, and times of the first runner."""
    first = next(iter(runners))
    laps: dict[str, list[float]] = {name: [] for name in runners}
    for name, call in runners.items():
        call()
        laps[name].clear()
    for _ in range(rounds):
        for name, call in runners.items():
            laps[name].append(microseconds(call))
    print(f"\n{title:<42} {'us':>8} {'x':>7}")
    for name, times in laps.items():
        ratio = statistics.median(mine / base for mine, base in zip(times, laps[first], strict=True))
        print(f"{name:<42} {statistics.median(times):>8.1f} {ratio:>7.2f}")


def main() -> None:
    """Print a table for verifying and one for signing under each algorithm."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    print(f"{rounds} rounds of {CALLS} calls each, payload of {len(PAYLOAD)} bytes")
    for alg in ("ES256", "Ed25519", "RS256"):
        verifying, making = contenders(alg)
        race(f"{alg}: verify", verifying, rounds)
        race(f"{alg}: sign", making, rounds)


if __name__ == "__main__":
    main()
