"""The cases of ``spec/vectors/jws.json``; ``python -m tests.jose.vector_source`` writes the file anew.

Signatures are deterministic (RFC 6979) and the key is fixed, so the file is a function of this module.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from sealring.jose import b64u_decode, b64u_encode
from tests.jose.making import CLAIMS, ES256, KEY, ORDER, OTHER_KEY, TYP, header_of, loosened, token_of, with_signature

FILE = Path(__file__).parents[2] / "spec" / "vectors" / "jws.json"
MAX_DEPTH = 16
MAX_BYTES = 8192

Case = tuple[str, str, str | None]
"""Name, token, and the reason for which it is refused (None: it is accepted)."""


def document() -> dict[str, object]:
    """Return the whole file."""
    cases = [*accepted(), *header_cases(), *segment_cases(), *spelling_cases(), *signature_cases(), *payload_cases()]
    return {
        "description": "Compact JWS: accepted when the signature is good and the payload a strict JSON object.",
        "key": KEY.public.to_jwk(),
        "typ": TYP,
        "algorithms": sorted(ES256),
        "max_bytes": MAX_BYTES,
        "max_payload_depth": MAX_DEPTH,
        "cases": [
            {"name": name, "token": token, "accept": reason is None, "reason": reason} for name, token, reason in cases
        ],
    }


def accepted() -> Iterator[Case]:
    """Good tokens, the odd ones among them."""
    r, s = split_signature(token_of())
    yield "a plain token", token_of(), None
    yield "typ in upper case", token_of(header_of(typ="AT+JWT")), None
    yield "typ with application/ before it", token_of(header_of(typ="application/at+jwt")), None
    yield "a header member that nobody knows", token_of(header_of(hint={"a": [1]})), None
    yield "white space and escapes in the payload", token_of(payload=b' {"a" :\n"\\ud83d\\ude00"} '), None
    yield "names that differ by normal form only", token_of(payload=b'{"\xc3\xa9":1,"e\xcc\x81":2}'), None
    yield "the largest exact integer", token_of(payload=b'{"a":9007199254740991}'), None
    yield "a payload as deep as allowed", token_of(payload=nested(MAX_DEPTH)), None
    yield "an empty object as payload", token_of(payload=b"{}"), None
    yield "a token as long as allowed", token_of(payload=filler(MAX_BYTES)), None
    # ECDSA has two valid signatures for each one made: state must never be keyed on the bytes of a token.
    yield "the other valid signature, s replaced by n - s", with_signature(token_of(), raw(r, ORDER - s)), None


def header_cases() -> Iterator[Case]:
    """Headers that break a rule, each truly signed by the right key."""
    for alg in ("none", "None", "NONE", "nOnE", "HS256", "RS256", "ES384", "EdDSA", "es256", "", 7, ["ES256"]):
        yield f"alg is {json.dumps(alg)}", token_of(header_of(alg=alg)), "alg"
    yield "no alg", token_of(header_of(alg=None)), "alg"
    for typ in ("JWT", "rt+jwt", "application/application/at+jwt", "text/at+jwt", "at+jwt ", "", 1, ["at+jwt"]):
        yield f"typ is {json.dumps(typ)}", token_of(header_of(typ=typ)), "typ"
    yield "no typ", token_of(header_of(typ=None)), "typ"
    critical: list[object] = [[], ["b64"], ["exp"], ["alg"], ["alg", "alg"], "exp", None, {}]
    for crit in critical:
        header = {**header_of(), "crit": crit, "exp": 1}
        yield f"crit is {json.dumps(crit)}", token_of(header), "crit"
    yield "b64 is true", token_of(header_of(b64=True)), "crit"
    yield "b64 is false and critical", token_of(header_of(b64=False, crit=["b64"])), "crit"
    yield "an embedded key", token_of(header_of(OTHER_KEY, jwk=OTHER_KEY.public.to_jwk()), key=OTHER_KEY), "header"
    for name in ("jku", "x5u", "x5t", "x5t#S256"):
        yield f"{name} is present", token_of({**header_of(), name: "https://keys.example/"}), "header"
    yield "x5c is present", token_of(header_of(x5c=["MII="])), "header"
    yield "a nested token is announced", token_of(header_of(cty="JWT")), "header"
    for kid in ("", "../../dev/null key", "line\nfeed", "\u00e9", "k" * 129, 7, ["k"], {"k": 1}):
        yield f"kid is {json.dumps(kid)}", token_of(header_of(kid=kid)), "kid"
    yield "no kid", token_of(header_of(kid=None)), "kid"
    for kid in (OTHER_KEY.kid, "../../../../dev/null", "'UNION/**/SELECT'", "__proto__", "k" * 128):
        yield f"kid {kid[:24]} is not known", token_of(header_of(kid=kid)), "unknown_kid"
    good = json.dumps(header_of())[1:-1]
    for text, what in (
        ('{%s,"alg":"none"}', "alg twice"),
        ('{%s,"kid":"other"}', "kid twice"),
        ('{%s,"\\u0061lg":"none"}', "alg twice, once escaped"),
        ('{%s,"x":[[[[1]]]]}', "nested too deep"),
        ("[{%s}]", "an array"),
        ("{%s} {}", "followed by more"),
        ('{%s,"x":NaN}', "with NaN"),
        ("\ufeff{%s}", "after a byte order mark"),
    ):
        yield f"the header is {what}", token_of((text % good).encode()), "json"


def segment_cases() -> Iterator[Case]:
    """Another number of segments, or an empty one."""
    header, payload, signature = token_of().split(".")
    yield "nothing at all", "", "malformed"
    yield "one segment", header, "malformed"
    yield "two segments", f"{header}.{payload}", "malformed"
    yield "four segments", f"{header}.{payload}.{signature}.{signature}", "malformed"
    yield "five segments, as of a JWE", ".".join([header, payload, signature, payload, signature]), "malformed"
    yield "six segments", ".".join([header, payload] * 3), "malformed"
    yield "an empty header", f".{payload}.{signature}", "malformed"
    yield "an empty payload (detached)", f"{header}..{signature}", "malformed"
    yield "an empty signature", f"{header}.{payload}.", "malformed"
    yield "dots only", "..", "malformed"
    yield "flattened JSON", json.dumps({"protected": header, "payload": payload, "signature": signature}), "malformed"
    yield "too long by one", token_of(payload=filler(MAX_BYTES) + b" "), "size"


def spelling_cases() -> Iterator[Case]:
    """Other spellings of a good token, for a lenient decoder."""
    # Segments whose length leaves unused bits: 1 byte beyond a multiple of 3 leaves four, 2 bytes leave two.
    token = token_of(json.dumps(header_of()).encode() + b" ", CLAIMS + b" " * (-len(CLAIMS) % 3 + 2))
    parts = token.split(".")
    for index, name in enumerate(("header", "payload", "signature")):

        def changed(segment: str, at: int = index) -> str:
            return ".".join([*parts[:at], segment, *parts[at + 1 :]])

        part = parts[index]
        yield f"an unused bit set in the {name}", changed(loosened(part)), "malformed"
        yield f"padding after the {name}", changed(part + "=" * (-len(part) % 4)), "malformed"
        yield f"one character more in the {name}", changed(part + "A" * ((1 - len(part)) % 4)), "malformed"
        for character in ("+", "/", "=", " ", "\n", "\r\n", "\t", "\0", "!", "%2D", "\u00e9", "\u2028"):
            spelled = part[:8] + character + part[8:]
            yield f"{json.dumps(character)} within the {name}", changed(spelled), "malformed"
    for before, after in ((" ", ""), ("", " "), ("", "\n"), ("\ufeff", ""), ("", "\0"), ("Bearer ", ""), ("", ",x")):
        yield f"{json.dumps(before)} before and {json.dumps(after)} after", before + token_of() + after, "malformed"


def signature_cases() -> Iterator[Case]:
    """Signatures that are not one of this key over this input."""
    token = token_of()
    r, s = split_signature(token)
    good = raw(r, s)
    yield "signed by another key", token_of(header_of(), key=OTHER_KEY), "signature"
    yield (
        "a signature of another payload",
        with_signature(token, raw(*split_signature(token_of(payload=b"{}")))),
        "signature",
    )
    yield "r is 0", with_signature(token, raw(0, s)), "signature"
    yield "s is 0", with_signature(token, raw(r, 0)), "signature"
    yield "r and s are 0", with_signature(token, raw(0, 0)), "signature"
    yield "r is n", with_signature(token, raw(ORDER, s)), "signature"
    yield "s is n", with_signature(token, raw(r, ORDER)), "signature"
    yield "r and s are 1", with_signature(token, raw(1, 1)), "signature"
    yield "r and s are n - 1", with_signature(token, raw(ORDER - 1, ORDER - 1)), "signature"
    yield "r and s exchanged", with_signature(token, raw(s, r)), "signature"
    yield "in DER", with_signature(token, encode_dss_signature(r, s)), "signature"
    yield "one byte short", with_signature(token, good[:-1]), "signature"
    yield "one byte long", with_signature(token, good + b"\0"), "signature"
    yield "twice", with_signature(token, good + good), "signature"
    yield "of 65 bytes with a leading zero", with_signature(token, b"\0" + good), "signature"


def payload_cases() -> Iterator[Case]:
    """Truly signed payloads that two parsers could read differently."""
    for payload, what in (
        (b'{"sub":"a","sub":"b"}', "sub twice"),
        (b'{"sub":"a","s\\u0075b":"b"}', "sub twice, once escaped"),
        (b'{"a":{"b":1,"b":1}}', "a name twice further in"),
        (b'{"exp":NaN}', "NaN"),
        (b'{"exp":Infinity}', "infinity"),
        (b'{"exp":1e400}', "a float beyond range"),
        (b'{"exp":%d}' % 10**30, "10 to the 30th"),
        (b'{"exp":9007199254740992}', "2 to the 53rd"),
        (b'{"exp":%s}' % (b"9" * 5000), "an integer of 5000 digits"),
        (b'{"sub":"\\ud800"}', "a lone surrogate"),
        (b'{"sub":"\xff"}', "invalid UTF-8"),
        (b"\xef\xbb\xbf{}", "a byte order mark"),
        ('{"a":1}'.encode("utf-16-le"), "UTF-16"),
        (b"[1]", "an array"),
        (b'"text"', "a string"),
        (b"{} x", "trailing data"),
        (b"{'a':1}", "single quotes"),
        (nested(MAX_DEPTH + 1), "one level too deep"),
        (b"[" * 5000, "5000 open arrays"),
    ):
        yield f"payload with {what}", token_of(payload=payload), "json"


def raw(r: int, s: int) -> bytes:
    """Return the JWS form of a signature."""
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def split_signature(token: str) -> tuple[int, int]:
    """Return ``r`` and ``s`` of a token."""
    data = b64u_decode(token.rpartition(".")[2], what="the signature")
    return int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")


def nested(depth: int) -> bytes:
    """Return an object that nests so deep."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def filler(token_bytes: int) -> bytes:
    """Return the payload that makes a token exactly so long."""
    header, _, signature = token_of().split(".")
    room = token_bytes - len(header) - len(signature) - 2
    payload = b'{"a":"%s"}' % (b"x" * (room * 3 // 4 - 8))
    if len(b64u_encode(payload)) != room:
        raise ValueError("no payload has exactly this length")
    return payload


if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=1) + "\n", encoding="utf-8")
