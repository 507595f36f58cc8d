# ruff: noqa: D102, S101 - these are tests, and their names are sentences
"""The contract: leases. One holder at a time, and a dead one keeps nobody out for long."""

import asyncio

from sealring.stores.base import Store
from sealring.testing.build import NOW
from sealring.testing.rules.base import Rules


class LeasingRules(Rules):
    """Of all that want a lease one has it, as long as it goes on wanting it."""

    async def test_of_twenty_that_take_a_lease_at_once_exactly_one_has_it(self, store: Store) -> None:
        takings = [asyncio.ensure_future(store.take_lease("purge", f"holder {n}", NOW, 60)) for n in range(20)]
        assert sum(await asyncio.gather(*takings)) == 1

    async def test_a_lease_that_is_held_is_refused_to_others_until_it_has_run_out(self, store: Store) -> None:
        assert await store.take_lease("purge", "one", NOW, 60)
        assert not await store.take_lease("purge", "other", NOW, 60)
        assert not await store.take_lease("purge", "other", NOW + 59.999, 60)
        assert await store.take_lease("purge", "other", NOW + 60, 60)
        assert not await store.take_lease("purge", "one", NOW + 60, 60)

    async def test_its_holder_prolongs_it(self, store: Store) -> None:
        for passed in (0, 40, 80, 120):
            assert await store.take_lease("purge", "one", NOW + passed, 60)
        assert not await store.take_lease("purge", "other", NOW + 179, 60)
        assert await store.take_lease("purge", "other", NOW + 180, 60)

    async def test_a_lease_that_was_given_back_is_free_and_nobody_gives_back_what_is_not_theirs(
        self, store: Store
    ) -> None:
        await store.leave_lease("purge", "one")
        assert await store.take_lease("purge", "one", NOW, 60)
        await store.leave_lease("purge", "other")
        assert not await store.take_lease("purge", "other", NOW, 60)
        await store.leave_lease("purge", "one")
        assert await store.take_lease("purge", "other", NOW, 60)

    async def test_leases_of_different_names_have_nothing_to_do_with_each_other(self, store: Store) -> None:
        assert await store.take_lease("purge", "one", NOW, 60)
        assert await store.take_lease("seal", "other", NOW, 60)
        await store.leave_lease("seal", "one")
        assert not await store.take_lease("seal", "one", NOW, 60)

    async def test_a_clock_that_is_a_little_ahead_is_believed_and_one_that_is_far_ahead_is_not(
        self, store: Store
    ) -> None:
        assert await store.take_lease("purge", "ahead", NOW + 60, 60)
        assert not await store.take_lease("purge", "other", NOW, 60)
        assert await store.take_lease("purge", "far ahead", NOW + 1e9, 60)
        assert await store.take_lease("purge", "other", NOW, 60)

    async def test_a_lease_keeps_fractions_of_seconds(self, store: Store) -> None:
        assert await store.take_lease("purge", "one", NOW + 1 / 3, 0.1)
        assert not await store.take_lease("purge", "other", NOW + 1 / 3 + 0.0999, 0.1)
        assert await store.take_lease("purge", "other", NOW + 1 / 3 + 0.1, 0.1)
