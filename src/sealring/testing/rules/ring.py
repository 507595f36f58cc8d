# ruff: noqa: D102, S101 - these are tests, and their names are sentences
"""The contract: the key ring."""

from dataclasses import astuple
from functools import partial

from sealring.keys.record import KeyState, RingSnapshot
from sealring.stores.base import Store
from sealring.testing.build import NOW, make_key
from sealring.testing.rules.base import Rules, at_once


class RingRules(Rules):
    """The ring is replaced as a whole, exactly once for each revision."""

    async def test_a_store_without_a_ring_has_revision_zero_and_no_rows(self, store: Store) -> None:
        assert await store.load_ring() == RingSnapshot(0, ())

    async def test_every_field_of_a_ring_reads_back_exactly_and_in_the_given_order(self, store: Store) -> None:
        rows = (
            make_key("z", state=KeyState.RETIRED, wrapped=b"", retiring_at=NOW + 1, retired_at=NOW + 1 / 3),
            make_key("a", state=KeyState.ANNOUNCED, activated_at=None),
            make_key("m", state=KeyState.DISTRUSTED, distrusted_at=0.0, kek_version=7),
            make_key("k"),
            make_key("b", state=KeyState.RETIRING, wrapped=bytes(range(256)) * 20),
        )
        assert await store.replace_ring(0, rows)
        ring = await store.load_ring()
        assert ring == RingSnapshot(1, rows)
        for back, row in zip(ring.rows, rows, strict=True):
            assert [type(value) for value in astuple(back)] == [type(value) for value in astuple(row)]

    async def test_a_replacement_leaves_nothing_of_the_ring_before(self, store: Store) -> None:
        first, second = make_key("first"), make_key("second")
        await store.replace_ring(0, [first, second])
        assert await store.replace_ring(1, [second])
        assert await store.load_ring() == RingSnapshot(2, (second,))
        assert await store.replace_ring(2, [])
        assert await store.load_ring() == RingSnapshot(3, ())

    async def test_a_replacement_of_another_revision_is_refused_and_nothing_written(self, store: Store) -> None:
        row = make_key()
        assert not await store.replace_ring(1, [row])
        assert await store.load_ring() == RingSnapshot(0, ())
        await store.replace_ring(0, [row])
        assert not await store.replace_ring(0, [make_key()])
        assert not await store.replace_ring(2, [make_key()])
        assert await store.load_ring() == RingSnapshot(1, (row,))

    async def test_of_twenty_replacements_at_once_exactly_one_counts_for_each_revision(self, store: Store) -> None:
        for revision in range(5):
            row = make_key()
            answers = await at_once(20, partial(store.replace_ring, revision, [row]))
            assert sum(answers) == 1
            assert await store.load_ring() == RingSnapshot(revision + 1, (row,))
