# ruff: noqa: D102, S101 - these are tests, and their names are sentences
"""The contract: any sequence of operations has the same answers as on the store in memory, the reference."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from sealring.revocation.record import Denial
from sealring.sessions.record import Confirmation
from sealring.stores.base import Store
from sealring.stores.memory import MemoryStore
from sealring.testing.build import NOW, make_denial, make_key, make_rotation, make_row
from sealring.testing.rules.base import EVERYTHING, Rules
from sealring.testing.rules.purging import modestly

Operation = Callable[[Store], Awaitable[object]]

_SIDS: Final = [bytes([index]) * 16 for index in range(3)]
_SUBJECTS: Final = ["alice", "bob"]
_ATTEMPTS: Final = [None, "one", "two"]

_sids = st.sampled_from(_SIDS)
_subjects = st.sampled_from(_SUBJECTS)
_moments = st.integers(-40, 40).map(lambda seconds: NOW + seconds)
_generations = st.integers(1, 3)


@st.composite
def _openings(draw: st.DrawFn) -> Operation:
    index = draw(st.integers(0, 2))
    row = make_row(
        sid=_SIDS[index],
        subject=_SUBJECTS[index % 2],
        subject_epoch=0,
        idle_end=draw(_moments),
        idle_seconds=20.0,
        absolute_end=draw(_moments),
        created_at=draw(_moments),
        cnf_thumbprint=draw(st.sampled_from([None, "key"])),
    )

    in_flight = draw(st.booleans())

    async def operation(store: Store) -> object:
        # Opening an id twice is no part of the agreement: entropy never gives one twice.
        if await store.read_session(row.sid):
            return None
        epoch = 0 if in_flight else await store.subject_epoch(row.subject)
        return await store.open_session(replace(row, subject_epoch=epoch))

    return operation


@st.composite
def _rotations(draw: st.DrawFn) -> Operation:
    rotation = make_rotation(
        make_row(sid=draw(_sids)),
        generation=draw(_generations),
        now=draw(_moments),
        active_at=draw(st.none() | _moments),
        settled_before=draw(_moments),
        attempt=draw(st.sampled_from(_ATTEMPTS)),
        cnf_thumbprint=draw(st.sampled_from([None, "key"])),
    )
    return lambda store: store.rotate(rotation)


@st.composite
def _swaps(draw: st.DrawFn) -> Operation:
    sid = draw(_sids)
    stale: dict[str, Any] = draw(st.sampled_from([{}, {"generation": 1}, {"attempt": "one"}, {"ep": 0}]))
    changes: dict[str, Any] = {
        "generation": draw(_generations),
        "confirmed_generation": draw(_generations),
        "attempt": draw(st.sampled_from(_ATTEMPTS)),
        "replay_generation": draw(st.integers(0, 2)),
        "idle_end": draw(_moments),
        "last_seen": draw(_moments),
    }

    async def operation(store: Store) -> object:
        row = await store.read_session(sid)
        return row is not None and await store.compare_and_swap(replace(row, **stale), replace(row, **changes))

    return operation


def _call(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Operation]:
    """Call the method of this name with what these strategies draw."""

    def bind(drawn: tuple[Any, ...]) -> Operation:
        async def operation(store: Store) -> object:
            return await getattr(store, name)(*drawn)

        return operation

    return st.tuples(*arguments).map(bind)


_confirmations = st.lists(st.builds(Confirmation, _sids, _generations, _moments), max_size=4)
_denials: st.SearchStrategy[Denial] = st.builds(
    lambda ident, expires: make_denial(ident, expires_at=expires), st.sampled_from(["one", "two"]), _moments
)
_keys = [make_key("one"), make_key("two"), make_key("three")]

_operations: st.SearchStrategy[Operation] = st.one_of(
    _openings(),
    _rotations(),
    _swaps(),
    _call("read_session", _sids),
    _call("list_sessions", _subjects),
    _call("subject_epoch", _subjects),
    _call("confirm", _confirmations),
    _call("end_session", _sids, st.sampled_from(["logout", "reused"]), _moments, _moments),
    _call("end_subject", _subjects, st.none() | _sids, st.just("logout_all"), _moments, _moments),
    _call("raise_epoch", _sids, _moments),
    _call("purge_sessions", _moments, st.just(EVERYTHING)),
    _call("write_denial", _denials),
    _call("purge_denials", _moments, st.just(EVERYTHING)),
    _call("load_ring"),
    _call("replace_ring", st.integers(0, 2), st.lists(st.sampled_from(_keys), unique=True, max_size=3)),
)


class AgreementRules(Rules):
    """Every store means the same."""

    @modestly
    @given(first=_openings(), operations=st.lists(_operations, min_size=1, max_size=25))
    async def test_any_sequence_of_operations_has_the_answers_of_the_reference(
        self, first: Operation, operations: list[Operation]
    ) -> None:
        reference = MemoryStore()
        async with self.open_store() as store:
            for operation in (first, *operations):
                assert _plain(await operation(store)) == _plain(await operation(reference))
            assert (await store.read_feed(0, EVERYTHING)).denials == (await reference.read_feed(0, EVERYTHING)).denials
            for sid in _SIDS:
                assert await store.read_session(sid) == await reference.read_session(sid)


def _plain(answer: object) -> object:
    # The order in which the sessions of a subject end is nobody's business.
    return sorted(answer, key=str) if isinstance(answer, tuple) else answer
