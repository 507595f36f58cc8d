"""Signing keys in another process, as an example of a KMS or an HSM: private keys never enter this one.

``python signing_process.py`` is that other process: it reads one JSON request a line and answers with one.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from sealring.jose import SigningKey, VerificationKey, generate
from sealring.keys import ExternalKey, Signer


class SigningProcess:
    """Makes keys in a process of their own and signs with them over a pipe; use it as ``async with``."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self.requests: list[str] = []

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def kill(self) -> None:
        """Take the keys away, as an outage of a KMS would."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def make(self, alg: str) -> ExternalKey:
        """Make a key for an algorithm."""
        made = await self._ask({"do": "make", "alg": alg})
        return ExternalKey(str(made["reference"]), made["jwk"])

    def signer(self, reference: str, key: VerificationKey) -> Signer:
        """Return what signs with the key of a reference."""
        return _PipeSigner(self, reference, key.kid, key.alg)

    async def sign(self, reference: str, data: bytes) -> bytes:
        """Have some bytes signed."""
        return bytes.fromhex((await self._ask({"do": "sign", "reference": reference, "data": data.hex()}))["signature"])

    async def _ask(self, request: dict[str, str]) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self.requests.append(request["do"])
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
            answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
            return answer


@dataclass(frozen=True)
class _PipeSigner:
    process: SigningProcess
    reference: str
    kid: str
    alg: str

    async def sign(self, signing_input: bytes) -> bytes:
        return await self.process.sign(self.reference, signing_input)


def _serve() -> None:
    keys: dict[str, SigningKey] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "make":
            key = generate(request["alg"])
            reference = f"key/{len(keys)}"
            keys[reference] = key
            answer: dict[str, Any] = {"reference": reference, "jwk": key.public.to_jwk()}
        else:
            answer = {"signature": keys[request["reference"]].sign(bytes.fromhex(request["data"])).hex()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
