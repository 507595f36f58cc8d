"""Compares verifying a whole access token, the first time and again, with PyJWT and joserfc, over a million denials.

Run it from the repository: ``python -m benchmarks.again_speed [ROUNDS]``. Everybody gets the same ES256 token, finds
the key by its id, and checks signature, issuer, audience and times; Sealring also asks its denylist, which holds
1,000,000 ended sessions, and the state of the key, and gives typed claims. All take turns within every round of one
run; a figure is the median of the rounds, a ratio the median of the rounds' own ratios over the cache. Every call gets
a string of its own, as every request does. Processor time is counted, so that others on the machine disturb less;
still, compare ratios and not microseconds.
"""

import asyncio
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Final

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from sealring import KeyEncryptionKeys, Policy, RefreshKeys, Sealring, Sender, Subject
from sealring.access import AccessTokenVerifier, ClaimsSchema, NoClaims
from sealring.access.cache import CACHED_TOKENS
from sealring.jose import b64u_decode
from sealring.revocation import Denial, DenialKind
from sealring.revocation.record import ENDED
from sealring.stores.memory import MemoryStore

DENIALS: Final = 1_000_000
CALLS: Final = 2_000
TOKENS: Final = 2_000
ISSUER: Final = "https://todo.example"

Contender = Callable[[str], object]


async def load_subject(name: str) -> Subject:
    """Return an account; every name has one."""
    return Subject(name, NoClaims(), scope=("todos", "account"))


def ring_of_a_process() -> Sealring[NoClaims]:
    """Return a ring on the memory store."""
    return Sealring(
        policy=Policy(app="todo", issuer=ISSUER),
        store=MemoryStore(),
        key_encryption=KeyEncryptionKeys({1: bytes(range(100, 132))}, 1),
        refresh_keys=RefreshKeys({1: bytes(range(32))}, 1),
        load_subject=load_subject,
        claims=NoClaims,
    )


async def opened(ring: Sealring[NoClaims], name: str) -> str:
    """Return the access token of a new session."""
    login, account = await ring.begin_login(name), await load_subject(name)
    return (await ring.open_session(login, account, sender=Sender("todo-web", "Firefox"))).access_token


def verifier(ring: Sealring[NoClaims], *, cache: int) -> AccessTokenVerifier[NoClaims]:
    """Return a verifier over the state of the ring."""
    return AccessTokenVerifier(
        policy=ring.policy,
        claims=ClaimsSchema(NoClaims),
        resolve_key=ring.keys.resolve_key,
        is_in_use=ring.keys.is_in_use,
        denylist=ring.denylist,
        cache=cache,
    )


def others(ring: Sealring[NoClaims]) -> Mapping[str, Contender]:
    """Return PyJWT and joserfc over the published keys, the key found by the token's ``kid``; they ask no denylist."""
    published = [{name: str(value) for name, value in members.items()} for members in ring.keys.jwks()["keys"]]
    natives = {members["kid"]: jwt.PyJWK(members).key for members in published}
    keys = KeySet.import_key_set({"keys": [dict(each.items()) for each in published]})
    registry = joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": ISSUER}
    )

    def by_pyjwt(text: str) -> None:
        key = natives[jwt.get_unverified_header(text)["kid"]]
        jwt.decode(text, key, algorithms=["ES256"], issuer=ISSUER, audience=ISSUER)

    def by_joserfc(text: str) -> None:
        registry.validate(joserfc_jwt.decode(text, keys, algorithms=["ES256"]).claims)

    return {"PyJWT": by_pyjwt, "joserfc": by_joserfc}


def floor(ring: Sealring[NoClaims], text: str) -> Contender:
    """Return ``cryptography`` alone, over bytes that are ready for it."""
    data, _, last = text.rpartition(".")
    signature = b64u_decode(last, what="the signature")
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    known = ring.keys.resolve_key(ring.keys.signer.kid)
    assert known is not None
    native, message, scheme = known._key, data.encode(), ec.ECDSA(hashes.SHA256())
    return lambda _: native.verify(der, message, scheme)


def microseconds(call: Contender, text: str) -> float:
    """Return the processor time of one call in microseconds, the mean of a batch of equal strings."""
    texts = [text[:1] + text[1:] for _ in range(CALLS)]
    started = time.process_time_ns()
    for each in texts:
        call(each)
    return (time.process_time_ns() - started) / CALLS / 1e3


def race(runners: Mapping[str, Contender], text: str, rounds: int) -> None:
    """Print a table: microseconds, and times of the first runner."""
    first = next(iter(runners))
    for call in runners.values():
        call(text)
    laps: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, call in runners.items():
            laps[name].append(microseconds(call, text))
    print(f"{'one ES256 access token':<42} {'us':>8} {'x':>7}")
    for name, times in laps.items():
        ratio = statistics.median(mine / base for mine, base in zip(times, laps[first], strict=True))
        print(f"{name:<42} {statistics.median(times):>8.2f} {ratio:>7.1f}")


async def weigh(ring: Sealring[NoClaims]) -> float:
    """Return the bytes that one token takes in the cache."""
    texts = [await opened(ring, f"account-{number:028x}") for number in range(TOKENS)]
    # So large that none of these tokens is dropped.
    own = verifier(ring, cache=4 * TOKENS)
    tracemalloc.start()
    try:
        for text in texts:
            own.verify(text, ring.clock.now())
        return tracemalloc.get_traced_memory()[0] / TOKENS
    finally:
        tracemalloc.stop()


async def main() -> None:
    """Print the table, and what the cache takes."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    async with ring_of_a_process() as ring:
        weight = await weigh(ring)
        ends = ring.clock.now() + 86_400
        ring.denylist.add_all(Denial(DenialKind.SESSION, f"{n:032x}", ENDED, ends) for n in range(DENIALS))
        text = await opened(ring, "3f6c1d1e-9a64-4a5b-8d43-6f1f0c0a7b21")
        print(f"{rounds} rounds of {CALLS:,} calls each, token of {len(text)} bytes, {len(ring.denylist):,} denials\n")
        known, unknown, now = verifier(ring, cache=CACHED_TOKENS), verifier(ring, cache=0), ring.clock.now
        race(
            {
                "sealring, verified before": lambda each: known.verify(each, now()),
                "sealring, the first time": lambda each: unknown.verify(each, now()),
                "cryptography alone": floor(ring, text),
                **others(ring),
            },
            text,
            rounds,
        )
        print(
            f"\nthe cache: {weight:,.0f} bytes for each token, "
            f"{weight * CACHED_TOKENS / 1e6:.0f} MB for {CACHED_TOKENS:,} tokens"
        )


if __name__ == "__main__":
    asyncio.run(main())
