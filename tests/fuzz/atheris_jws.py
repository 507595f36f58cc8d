"""A coverage-guided fuzzer for the gate; not part of the tests, because it never ends by itself.

Install ``atheris`` beside the project and run, for example for a minute::

    python -m tests.fuzz.atheris_jws -max_total_time=60 -max_len=4096

It feeds bytes to every parser that meets text from outside: tokens (as they come, and as a header and a payload that
are signed first, so that mutations get past the signature), keys and sets. An exception outside of the error tree, or
an accepted token that joserfc refuses, is a finding; atheris writes the input that caused it to a file, whose name as
the only argument plays it again.
"""

import contextlib
import sys
import warnings

import atheris  # type: ignore[import-untyped,unused-ignore]

with atheris.instrument_imports(include=["sealring"]):
    from sealring.errors import JoseError
    from sealring.jose import JWK, JWKSet, JwsVerifier, b64u_encode, parse_json_object, verify

from joserfc import jws as joserfc_jws
from joserfc.jwk import OctKey

KEY = JWK.generate("HS256", kid="fuzz")
THEIRS = OctKey.import_key({"kty": "oct", "k": str(KEY.to_dict(private=True)["k"])})
REGISTRY = joserfc_jws.JWSRegistry(algorithms=["HS256"], strict_check_header=False)
STRICT = JwsVerifier(algorithms=frozenset({"ES256", "Ed25519"}), typ="at+jwt")


def token(text: str) -> None:
    """Ask both profiles about a text."""
    with contextlib.suppress(JoseError):
        STRICT.verify(text, lambda _: None)
    try:
        verified = verify(text, KEY, algorithms=["HS256"])
    except JoseError:
        return
    if joserfc_jws.deserialize_compact(text, THEIRS, registry=REGISTRY).payload != verified.payload:
        raise AssertionError("joserfc reads another payload")


def signed(header: bytes, payload: bytes) -> None:
    """Ask about a header and a payload that are rightly signed."""
    signing_input = f"{b64u_encode(header)}.{b64u_encode(payload)}"
    token(f"{signing_input}.{b64u_encode(KEY.sign(signing_input.encode('ascii')))}")


def key(data: bytes) -> None:
    """Read bytes as a key, as a set and as a payload."""
    for read in (JWK.from_json, JWKSet.from_json, lambda raw: parse_json_object(raw, max_depth=16, what="it")):
        try:
            read(data)
        except JoseError:
            continue


def one_input(data: bytes) -> None:
    """Take one input of the fuzzer."""
    provider = atheris.FuzzedDataProvider(data)
    match provider.ConsumeIntInRange(0, 2):
        case 0:
            token(provider.ConsumeUnicode(4096))
        case 1:
            header = provider.ConsumeBytes(provider.ConsumeIntInRange(0, 512))
            signed(header, provider.ConsumeBytes(2048))
        case _:
            key(provider.ConsumeBytes(4096))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
