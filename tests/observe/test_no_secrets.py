"""No event, log line or metric of a whole session's life holds a token, a part of one, or a secret."""

import base64
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from sealring import Sealring, SessionTokens
from sealring.clock import ManualClock
from sealring.errors import SealringError
from sealring.events import Event
from sealring.jose.encoding import b64u_decode
from sealring.observe.logs import LogSink
from sealring.observe.metrics import PrometheusSink
from sealring.sessions.token import decode
from tests.access.forging import payload_of
from tests.gated import memory_place
from tests.observe.test_logs import Lines
from tests.refreshing import OTHER_AGENT, OTHER_CLIENT, another_ring, quiet, refresh_token
from tests.support import WEB, Bench, Claims, bench, key_encryption, refresh_keys

pytestmark = pytest.mark.anyio


def spellings(secret: bytes) -> Iterator[str]:
    """Return the ways in which somebody might write bytes."""
    yield secret.hex()
    yield base64.b64encode(secret).decode().rstrip("=")
    yield base64.urlsafe_b64encode(secret).decode().rstrip("=")
    yield repr(secret)[2:-1]


def secrets_of(tokens: SessionTokens) -> set[str]:
    """Return everything of an answer that must not be told anywhere."""
    found = {tokens.access_token, *tokens.access_token.split(".")[1:]}
    found |= set(spellings(tokens.view.row.secret_hash))
    if tokens.refresh_token is not None:
        text = tokens.refresh_token
        raw = b64u_decode(text[4:], what="a token")
        found |= {text, text[4:], text[-40:]}
        found |= set(spellings(decode(text, refresh_keys()).secret)) | set(spellings(raw[-32:]))
    return found


class Everything:
    """A sink that keeps every event with all that can be made of it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.lines = Lines()
        logger = logging.Logger("test", logging.DEBUG)
        logger.addHandler(self.lines)
        self.metrics = PrometheusSink()
        self._sinks = (LogSink(logger), self.metrics)

    def emit(self, event: Event) -> None:
        self.events.append(event)
        for sink in self._sinks:
            sink.emit(event)

    def told(self) -> str:
        """Return all text that came of the events."""
        shown = [repr(event) + json.dumps(event.as_fields(), default=str) for event in self.events]
        records = [repr(record.__dict__) for record in self.lines.records]
        return "\n".join([*shown, *self.lines.lines, *records, self.metrics.expose().decode()])


class Life:
    """A session's life on a ring, with everything that may happen to it; keeps every answer and every error."""

    def __init__(self, ring: Sealring[Claims], it: Bench) -> None:
        self.ring = ring
        self.it = it
        self.answers: list[SessionTokens] = []
        self.errors: list[str] = []

    async def login(self, **more: object) -> SessionTokens:
        login = await self.ring.begin_login("ada")
        tokens = await self.ring.open_session(login, self.it.subjects["ada"], sender=WEB, **more)  # type: ignore[arg-type]
        self.answers.append(tokens)
        return tokens

    async def refresh(self, text: str, **more: object) -> None:
        with suppress(SealringError):
            try:
                self.answers.append(await self.ring.refresh(text, **({"sender": WEB} | more)))  # type: ignore[arg-type]
            except SealringError as error:
                self.errors.append(f"{error} {error!r}")
                raise

    async def use(self, text: str) -> None:
        with suppress(SealringError):
            try:
                self.ring.confirm(await self.ring.authenticate(text))
            except SealringError as error:
                self.errors.append(f"{error} {error!r}")
                raise
        await self.ring.flush_confirmations()

    def later(self, seconds: float = 21) -> None:
        self.it.clock.advance(seconds)


async def live_through_everything(life: Life) -> None:
    first = await life.login()
    old = refresh_token(first)
    await life.refresh(old)
    life.later()
    for attempt in ("a1", "a1", "foreign"):
        await life.refresh(old, attempt=attempt)
    newest = next(tokens for tokens in life.answers if tokens.view.outcome == "rotated")
    await life.use(newest.access_token)
    for broken in (old[:-1], old + "A", old[:50] + "A" + old[51:], newest.access_token, "sr1_" + "A" * 92, ""):
        await life.refresh(broken)
        await life.use(broken)
    for text in (newest.access_token[:-4] + "AAAA", newest.access_token + " ", "." + newest.access_token):
        await life.use(text)
    await life.refresh(refresh_token(newest), sender=OTHER_CLIENT)
    await life.ring.revoke_access(first.view.row.session_id)
    await life.use(newest.access_token)
    life.later()
    await life.refresh(old, sender=OTHER_AGENT)
    await life.refresh(refresh_token(newest))
    second = await life.login(replaces=newest.refresh_token)
    await life.login(replaces=second.refresh_token)
    await life.ring.logout(refresh_token=second.refresh_token)
    await life.ring.logout_all(refresh_token=life.answers[-1].refresh_token)
    await life.use(life.answers[-1].access_token)
    last = await life.login()
    ada = life.it.subjects.pop("ada")
    await life.refresh(refresh_token(last))
    life.it.subjects["ada"] = replace(ada)
    life.later(31 * 86_400)
    await life.refresh(refresh_token(last))
    await life.use(last.access_token)
    await life.ring.purge()


async def test_nothing_that_is_told_holds_a_token_or_a_secret() -> None:
    place, everything = memory_place(), Everything()
    async with (
        bench(policy=quiet(), store=place.open(), clock=ManualClock()) as it,
        another_ring(place, it, sinks=[everything]) as ring,
    ):
        life = Life(ring, it)
        await live_through_everything(life)
        names = {event.name for event in everything.events}
        assert names >= {
            "session_opened", "token_issued", "refresh_decided", "reuse_detected", "session_ended", "access_revoked",
            "token_refused", "purged",
        }  # fmt: skip
        outcomes = {tokens.view.outcome for tokens in life.answers}
        assert outcomes >= {"opened", "unchanged", "rotated", "replayed"}
        assert len(life.errors) > 15
        told = everything.told() + "\n".join(life.errors) + repr(life.answers) + repr(ring.__dict__)
        forbidden = set().union(*map(secrets_of, life.answers))
        forbidden |= {spelling for key in _keys() for spelling in spellings(key)}
        assert len(forbidden) > 50
        for secret in forbidden:
            assert len(secret) > 15
            assert secret not in told
        # The public names are there, so the search would have found something.
        assert payload_of(life.answers[0])["jti"] in told
        assert life.answers[0].view.row.session_id in told


def _keys() -> Iterator[bytes]:
    yield bytes((7 + i) % 256 for i in range(32))
    yield bytes(range(100, 132))
    assert refresh_keys().mac(1, b"") is not None
    assert key_encryption().current == 1
