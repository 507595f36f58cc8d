"""Shows what hostile tokens and keys cost the gate, in processor time and memory.

Run it from the repository: ``python -m benchmarks.gate_limits``. Each row is the median of several runs and must be
refused (or, where it says so, parsed) within 50 ms of processor time and 20 MB of memory beyond what the input itself
takes; otherwise the exit code is 1. Memory is what Python's allocators handed out at the worst moment, as tracemalloc
counts it in a run of its own.
"""

import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sealring.errors import JoseError
from sealring.jose import JWK, JWKSet, JwsVerifier, SigningKey, b64u_encode, generate, parse_json_object, verify
from sealring.jose.jwks import MAX_KEYS

LIMIT_MS = 50.0
LIMIT_MB = 20.0
RUNS = 5
KEY: SigningKey = generate("ES256")
ALGORITHMS = frozenset({"ES256"})
STRICT = JwsVerifier(algorithms=ALGORITHMS, typ="at+jwt")


@dataclass(frozen=True)
class Row:
    """One hostile input.

    Attributes:
        name: what it is.
        ask: asks the gate; raises when it is refused.
    """

    name: str
    ask: Callable[[], object]


def token(payload: bytes, **header: object) -> str:
    """Return a token that is rightly signed, so that nothing but its size is wrong."""
    members = {"alg": "ES256", "kid": KEY.kid, "typ": "at+jwt", **header}
    signing_input = f"{b64u_encode(json.dumps(members).encode())}.{b64u_encode(payload)}"
    return f"{signing_input}.{b64u_encode(KEY.sign(signing_input.encode()))}"


def both(name: str, text: str) -> Iterator[Row]:
    """Yield the row for either profile."""
    yield Row(f"{name}, strict", lambda: STRICT.verify(text, {KEY.kid: KEY.public}.get))
    yield Row(f"{name}, general", lambda: verify(text, KEY.public, algorithms=ALGORITHMS))


def rows() -> Iterator[Row]:
    """Yield every resource row: whole tokens first, then the parsers behind the limit of size."""
    arrays = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    objects = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    members = json.dumps({f"n{number}": 1 for number in range(1_000_000)}).encode()
    audiences = json.dumps({"aud": [f"https://api-{number}.example" for number in range(100_000)]}).encode()
    yield from both("100,000 nested arrays", token(arrays))
    yield from both("100,000 nested objects", token(objects))
    yield from both("1,000,000 members", token(members))
    yield from both("a claim of 2 MB", token(b'{"a":"%s"}' % (b"x" * 2_000_000)))
    yield from both("a token of 2,000,000 dots", "." * 2_000_000)
    yield from both("2 MB that are no base64url", "!" * 2_000_000)
    yield from both("a kid of 64 KB", token(b"{}", kid="k" * 65_536))
    yield from both("100,000 audiences", token(audiences))
    brackets = token(b'{"a":' + b"[" * 4_000)
    yield Row("4,000 open brackets as the payload", lambda: parse(verify_strict(brackets)))
    yield from both("a header of 400 members", token(b"{}", **{f"{number:x}": 0 for number in range(400)}, crit=[]))
    yield from both("a kid that almost fits", token(b"{}", kid="k" * 4_000))
    longest = token(b"[" * 45_000)
    yield Row("the longest token, refused by its payload", lambda: parse(verify_general(longest)))
    yield Row("200 kB of nested arrays at the parser", lambda: parse(arrays))
    deepest = (b'{"keys":' * 32_000)[: 256 * 1024]
    yield Row("a JWKS of the longest size, all nested objects", lambda: JWKSet.from_json(deepest))
    yield Row("quotes and backslashes, 64 KB", lambda: parse(b'{"a":["' + b'\\"[' * 20_000))
    yield Row("an integer of 60,000 digits", lambda: parse(b'{"a":' + b"9" * 60_000 + b"}"))
    yield Row("an exponent of 60,000 digits", lambda: parse(b'{"a":1e' + b"9" * 60_000 + b"}"))
    yield Row("a JWKS of 1,000,000 keys", lambda: JWKSet.from_json(b'{"keys":[' + b"{}," * 1_000_000))
    yield Row("a JWKS of 100,000 parsed keys", lambda: JWKSet.from_dict({"keys": [KEY.public.to_jwk()] * 100_000}))
    yield Row(
        "a JWKS of 128 keys of another type", lambda: refuse_all([{"kty": "AKP", "kid": str(n)} for n in range(128)])
    )
    yield Row("a modulus of 1 MB", lambda: JWK.from_dict({"kty": "RSA", "alg": "RS256", "e": "AQAB", "n": "_" * 10**6}))
    yield Row("a secret of 1 MB", lambda: JWK.from_dict({"kty": "oct", "alg": "HS256", "k": "A" * 10**6}))
    yield Row("the longest secret, eight octets again and again", longest_secret)
    yield from encrypted()
    yield from key_sets()


def encrypted() -> Iterator[Row]:
    """Yield tokens that would be dear to decrypt: they are refused by their form or their algorithm."""
    slow = b64u_encode(b'{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAAAAAAAAA"}')
    bomb = b64u_encode(b'{"alg":"dir","enc":"A128GCM","zip":"DEF"}')
    yield from both("a JWE with 2**31 rounds of PBKDF2", f"{slow}.AAAA.AAAA.AAAA.AAAA")
    yield from both("a JWE that decompresses", f"{bomb}..AAAA.{'A' * 6_000}.AAAA")


def key_sets() -> Iterator[Row]:
    """Yield sets of as many keys as are looked at, each of which is refused as late as possible."""
    modulus = b64u_encode(((1 << 8_191) + 3 * 167).to_bytes(1_024, "big"))
    rsa = [{"kty": "RSA", "alg": "RS256", "n": modulus, "e": "AQAB"}] * MAX_KEYS
    points = [{"kty": "EC", "alg": "ES512", "crv": "P-521", "x": b64u_encode(bytes(66)), "y": b64u_encode(bytes(66))}]
    odd = {"kty": "OKP", "alg": "Ed25519", "crv": "Ed25519", "x": b64u_encode(bytes([2]) + bytes(31))}
    # It repeats nearly to its end, and the text of a key comes last.
    secret = {"kty": "oct", "alg": "HS256", "k": b64u_encode(b"ab" * 1_500 + bytes(range(60)) + b"-----BEGIN ")}
    yield Row("a JWKS of 128 RSA keys of 8,192 bits", lambda: refuse_all([*named(rsa)]))
    yield Row("a JWKS of 128 keys off P-521", lambda: refuse_all([*named(points * MAX_KEYS)]))
    yield Row("a JWKS of 128 keys off edwards25519", lambda: refuse_all([*named([odd] * MAX_KEYS)]))
    yield Row("a JWKS of 128 long secrets", lambda: refuse_all([*named([secret] * MAX_KEYS)]))


def named(entries: list[dict[str, str]]) -> Iterator[dict[str, object]]:
    """Yield keys with ids of their own."""
    return ({**entry, "kid": str(number)} for number, entry in enumerate(entries))


def parse(text: bytes) -> object:
    """Parse a text as the payload of an access token is parsed."""
    return parse_json_object(text, max_depth=16, what="the payload")


def verify_strict(text: str) -> bytes:
    """Return the payload of a token that the strict profile accepts."""
    return STRICT.verify(text, {KEY.kid: KEY.public}.get).payload


def verify_general(text: str) -> bytes:
    """Return the payload of a token that the general profile accepts."""
    return verify(text, KEY.public, algorithms=ALGORITHMS).payload


def refuse_all(entries: list[dict[str, object]]) -> None:
    """Import a set of which every key is bad, and refuse it if none was."""
    if not len(JWKSet.from_dict({"keys": entries})):
        raise JoseError("no key of the set can be used")


def longest_secret() -> object:
    """Import the longest symmetric key that is looked at."""
    return JWK.from_dict({"kty": "oct", "alg": "HS256", "k": b64u_encode(bytes(range(8)) * 384)})


def refused(ask: Callable[[], object]) -> bool:
    """Tell whether the gate refuses, with an error of its own."""
    try:
        ask()
    except JoseError:
        return True
    return False


def cpu_ms(ask: Callable[[], object]) -> float:
    """Return the processor time of one call in milliseconds, the median of several."""
    times = []
    for _ in range(RUNS):
        started = time.process_time_ns()
        refused(ask)
        times.append((time.process_time_ns() - started) / 1e6)
    return statistics.median(times)


def peak_mb(ask: Callable[[], object]) -> float:
    """Return the most memory that one call held, in megabytes."""
    tracemalloc.start()
    try:
        refused(ask)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def main() -> int:
    """Print one line for each row.

    Returns:
        0 when every row is refused within the limits, otherwise 1.
    """
    good = True
    print(f"{'hostile input':<50} {'CPU ms':>8} {'peak MB':>8}")
    for row in rows():
        milliseconds, megabytes, is_refused = cpu_ms(row.ask), peak_mb(row.ask), refused(row.ask)
        within = is_refused and milliseconds < LIMIT_MS and megabytes < LIMIT_MB
        good = good and within
        verdict = "" if within else "  ACCEPTED" if not is_refused else "  OVER THE LIMIT"
        print(f"{row.name:<50} {milliseconds:>8.2f} {megabytes:>8.2f}{verdict}")
    print(f"limits: {LIMIT_MS:.0f} ms, {LIMIT_MB:.0f} MB: {'all kept' if good else 'NOT kept'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
