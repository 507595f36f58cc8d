"""Prints the size of one and the same access token under every algorithm that signs access tokens.

Run it from the repository: ``python -m benchmarks.token_size``. It prints a Markdown table; the sizes are the same in
every run, because every signature of an algorithm has the same length.
"""

import asyncio

from pydantic import BaseModel

from sealring.access import AccessTokenIssuer, ClaimsSchema, Grant, TokenSize, measure
from sealring.events import Emitter
from sealring.jose import b64u_decode, generate, parse_json_object
from sealring.keys.signer import LocalSigner, Signer
from sealring.policy import TOKEN_ALGORITHMS, AccessPolicy, Policy

NOW = 1_767_225_600.0


class Claims(BaseModel):
    """Claims of a middling application."""

    team: str = "blue"
    max_todos: int = 500


GRANT = Grant(
    subject="3f6c1d1e-9a64-4a5b-8d43-6f1f0c0a7b21",
    client_id="todo-web",
    session_id="0123456789abcdef" * 2,
    generation=12,
    epoch=0,
    scope="todos account",
    auth_time=NOW - 3_600,
    amr="pwd",
    absolute_end=NOW + 30 * 86_400,
)


def size_under(alg: str) -> TokenSize:
    """Issue the token with a fresh key and measure it.

    Args:
        alg: the algorithm.
    """
    key = generate(alg)

    async def signer() -> Signer:
        return LocalSigner(key)

    issuer = AccessTokenIssuer(
        policy=Policy(app="todo", issuer="https://todo.example", access=AccessPolicy(algorithm=alg)),
        claims=ClaimsSchema(Claims),
        signer=signer,
        entropy=bytes,
        emitter=Emitter(),
    )
    text = asyncio.run(issuer.issue(GRANT, Claims(), NOW)).text
    return measure(text, parse_json_object(b64u_decode(text.split(".")[1], what="it"), max_depth=16, what="it"))


def main() -> None:
    """Print one row for each algorithm, the smallest token first."""
    print("| algorithm | header | claims | signature | token |")
    print("| --- | ---: | ---: | ---: | ---: |")
    sizes = {alg: size_under(alg) for alg in TOKEN_ALGORITHMS}
    for alg, size in sorted(sizes.items(), key=lambda item: (item[1].total, item[0])):
        claims = sum(cost for _, cost in size.claims)
        print(f"| {alg} | {size.header} | {claims} | {size.signature} | {size.total} |")


if __name__ == "__main__":
    main()
