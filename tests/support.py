"""What several test folders share: a real ring on the memory store with a clock that stands still."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from sealring import KeyEncryptionKeys, Policy, RefreshKeys, Sealring, Sender, SessionTokens, Subject
from sealring.clock import ManualClock
from sealring.events import Event
from sealring.jose import SigningKey
from sealring.keys.signer import ExternalKeys, LocalSigner
from sealring.stores.base import Store
from sealring.stores.memory import MemoryStore

EventT = TypeVar("EventT", bound=Event)

ISSUER = "https://todo.example"
WEB = Sender("todo-web", "Firefox")


class Claims(BaseModel):
    """The claims of the application under test."""

    team: str = "blue"


@dataclass
class EventLog:
    """A sink that keeps everything."""

    events: list[Event] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def of(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.events if isinstance(event, kind)]


@dataclass
class Bench:
    """A running ring with everything that a test turns."""

    ring: Sealring[Claims]
    clock: ManualClock
    log: EventLog
    subjects: dict[str, Subject]

    async def login(self, subject: str = "ada", *, sender: Sender = WEB, persistent: bool = True) -> SessionTokens:
        login = await self.ring.begin_login(subject)
        return await self.ring.open_session(login, self.subjects[subject], sender=sender, persistent=persistent)

    async def use(self, tokens: SessionTokens) -> None:
        """Use an access token once and write the confirmation."""
        self.ring.confirm(await self.ring.authenticate(tokens.access_token))
        await self.ring.flush_confirmations()

    async def settle(self, tokens: SessionTokens) -> None:
        """Use an access token and let the grace pass, so that the next refresh rotates."""
        await self.use(tokens)
        self.clock.advance(self.ring.policy.sessions.grace.total_seconds() + 1)


def refresh_keys(versions: Mapping[int, int] = {1: 1}, current: int = 1) -> RefreshKeys:
    """Return MAC keys that are the same in every run."""
    return RefreshKeys(
        {version: bytes((seed * 7 + i) % 256 for i in range(32)) for version, seed in versions.items()}, current
    )


def signing_key(ring: Sealring[Claims]) -> SigningKey:
    """Return the private key with which a ring signs in this process."""
    signer = ring.keys.signer
    assert isinstance(signer, LocalSigner)
    return signer.key


def key_encryption() -> KeyEncryptionKeys:
    """Return key-encryption keys that are the same in every run."""
    return KeyEncryptionKeys({1: bytes(range(100, 132))}, 1)


@asynccontextmanager
async def bench(
    *,
    policy: Policy | None = None,
    store: Store | None = None,
    clock: ManualClock | None = None,
    external_keys: ExternalKeys | None = None,
) -> AsyncIterator[Bench]:
    """Run a ring for the accounts ``ada`` and ``bob``."""
    log, time = EventLog(), clock or ManualClock()
    subjects = {name: Subject(name, Claims(), scope=("todos:read", "todos:write")) for name in ("ada", "bob")}

    async def load_subject(subject_id: str) -> Subject | None:
        return subjects.get(subject_id)

    ring = Sealring(
        policy=policy or Policy(app="todo", issuer=ISSUER),
        store=store or MemoryStore(),
        key_encryption=key_encryption(),
        refresh_keys=refresh_keys(),
        load_subject=load_subject,
        claims=Claims,
        sinks=[log],
        clock=time,
        external_keys=external_keys,
    )
    async with ring:
        yield Bench(ring, time, log, subjects)
