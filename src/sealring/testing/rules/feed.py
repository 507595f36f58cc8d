# ruff: noqa: D102, S101 - these are tests, and their names are sentences
"""The contract: the feed of denials."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import pytest

from sealring.revocation.denylist import Denylist
from sealring.revocation.record import ENDED, Denial, DenialKind
from sealring.stores.base import Store
from sealring.testing.build import NOW, make_denial, make_row
from sealring.testing.rules.base import EVERYTHING, Rules, feed, opened

# Seconds until a turn that does not come is a failure.
_PATIENCE = 30.0

_KINDS = (
    Denial(DenialKind.SESSION, "0f" * 16, 3, NOW + 900),
    Denial(DenialKind.SESSION, "f0" * 16, ENDED, NOW + 900.25),
    Denial(DenialKind.TOKEN, "jti of one token", 0, NOW + 60.5),
    Denial(DenialKind.KEY, "kid of a key", 0, NOW + 86_400),
)


class FeedRules(Rules):
    """Whoever follows the feed misses nothing and learns it in the order in which it was committed."""

    async def test_a_feed_without_denials_leaves_the_cursor_where_it_was(self, store: Store) -> None:
        page = await store.read_feed(0, 10)
        assert (page.cursor, page.denials) == (0, ())

    async def test_every_kind_of_denial_reads_back_exactly_in_the_order_of_writing(self, store: Store) -> None:
        for denial in _KINDS:
            await store.write_denial(denial)
        back = await feed(store)
        assert back == _KINDS
        assert [type(denial.kind) for denial in back] == [DenialKind] * len(_KINDS)
        assert [type(denial.expires_at) for denial in back] == [float] * len(_KINDS)

    async def test_ends_raised_epochs_and_written_denials_come_in_the_order_of_their_commits(
        self, store: Store
    ) -> None:
        first, second = await opened(store, make_row()), await opened(store, make_row(subject="bob"))
        await store.raise_epoch(first.sid, NOW + 900)
        await store.write_denial(_KINDS[2])
        await store.end_subject("bob", None, "logout_all", NOW, NOW + 900)
        await store.end_session(first.sid, "logout", NOW, NOW + 900)
        idents = [(denial.ident, denial.least_epoch) for denial in await feed(store)]
        assert idents == [
            (first.session_id, 1),
            (_KINDS[2].ident, 0),
            (second.session_id, ENDED),
            (first.session_id, ENDED),
        ]

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
    async def test_pages_of_any_size_give_every_denial_exactly_once(self, store: Store, limit: int) -> None:
        written = [make_denial(f"{index:032x}") for index in range(7)]
        for denial in written:
            await store.write_denial(denial)
        cursor = 0
        got: list[Denial] = []
        while (page := await store.read_feed(cursor, limit)).denials:
            assert len(page.denials) <= limit
            assert page.cursor > cursor
            cursor = page.cursor
            got.extend(page.denials)
        assert got == written

    async def test_a_page_of_nothing_leaves_the_cursor_where_it_was(self, store: Store) -> None:
        await store.write_denial(make_denial())
        page = await store.read_feed(0, 0)
        assert (page.cursor, page.denials) == (0, ())

    async def test_a_cursor_at_the_head_is_stable(self, store: Store) -> None:
        await store.write_denial(make_denial())
        head = (await store.read_feed(0, EVERYTHING)).cursor
        again = await store.read_feed(head, EVERYTHING)
        assert (again.cursor, again.denials) == (head, ())

    async def test_news_after_the_head_are_the_only_news(self, store: Store) -> None:
        await store.write_denial(make_denial())
        head = (await store.read_feed(0, EVERYTHING)).cursor
        news = make_denial()
        await store.write_denial(news)
        assert (await store.read_feed(head, EVERYTHING)).denials == (news,)

    async def test_a_repeated_denial_is_harmless(self, store: Store) -> None:
        denial = make_denial()
        for _ in range(3):
            await store.write_denial(denial)
        denials = await feed(store)
        assert set(denials) == {denial}
        denylist = Denylist()
        denylist.add_all(denials)
        assert len(denylist) == 1
        assert denylist.covers(denial)

    async def test_a_follower_misses_nothing_while_many_write_at_once(self, store: Store) -> None:
        written = [make_denial(f"{index:032x}") for index in range(100)]
        followed: list[Denial] = []
        done = asyncio.Event()

        async def follow() -> None:
            cursor = 0
            while True:
                finished = done.is_set()
                page = await store.read_feed(cursor, 7)
                followed.extend(page.denials)
                cursor = page.cursor
                if finished and not page.denials:
                    return
                await asyncio.sleep(0)

        follower = asyncio.create_task(follow())
        await asyncio.gather(*(store.write_denial(denial) for denial in written))
        done.set()
        await follower
        assert sorted(followed, key=str) == sorted(written, key=str)
        assert tuple(followed) == await feed(store)

    async def test_a_cursor_beyond_the_newest_denial_reads_everything_anew_and_says_so(self, store: Store) -> None:
        written = tuple([make_denial() for _ in range(3)])
        for denial in written:
            await store.write_denial(denial)
        head = (await store.read_feed(0, EVERYTHING)).cursor
        page = await store.read_feed(head + 1_000, 2)
        assert (page.denials, page.anew) == (written[:2], True)
        rest = await store.read_feed(page.cursor, 2)
        assert (rest.denials, rest.anew) == (written[2:], False)
        assert not (await store.read_feed(head, EVERYTHING)).anew
        assert not (await store.read_feed(0, EVERYTHING)).anew


class WatchingFeedRules(Rules):
    """Whoever watches the feed is woken by every denial, however it came about."""

    async def test_a_watch_gives_a_turn_at_once(self, store: Store) -> None:
        async with aclosing(store.watch_feed()) as turns:
            await _turn(turns)

    @pytest.mark.parametrize("act", ["denial", "end", "raised epoch", "end of all"])
    async def test_whatever_denies_wakes_who_watches(self, store: Store, act: str) -> None:
        row = await opened(store, make_row())
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "denial": lambda: store.write_denial(make_denial()),
            "end": lambda: store.end_session(row.sid, "logout", NOW, NOW + 900),
            "raised epoch": lambda: store.raise_epoch(row.sid, NOW + 900),
            "end of all": lambda: store.end_subject(row.subject, None, "logout_all", NOW, NOW + 900),
        }
        async with aclosing(store.watch_feed()) as turns:
            await _turn(turns)
            before = await feed(store)
            await acts[act]()
            await _turn(turns)
            assert len(await feed(store)) == len(before) + 1

    async def test_everybody_who_watches_is_woken_again_and_again(self, store: Store) -> None:
        async with aclosing(store.watch_feed()) as one, aclosing(store.watch_feed()) as other:
            for turns in (one, other):
                await _turn(turns)
            for _ in range(3):
                await store.write_denial(make_denial())
                for turns in (one, other):
                    await _turn(turns)

    async def test_a_follower_that_reads_at_its_turns_alone_misses_nothing(self, store: Store) -> None:
        written = [make_denial(f"{index:032x}") for index in range(50)]
        followed: list[Denial] = []

        async def follow() -> None:
            cursor = 0
            async with aclosing(store.watch_feed()) as turns:
                while len(followed) < len(written):
                    await _turn(turns)
                    page = await store.read_feed(cursor, EVERYTHING)
                    followed.extend(page.denials)
                    cursor = page.cursor

        follower = asyncio.create_task(follow())
        for denial in written:
            await store.write_denial(denial)
        await follower
        assert followed == written

    async def test_a_watch_that_is_given_up_while_it_waits_holds_nothing_up(self, store: Store) -> None:
        async def wait_for_ever() -> None:
            async with aclosing(store.watch_feed()) as turns:
                async for _ in turns:
                    begun.set()

        begun = asyncio.Event()
        watching = asyncio.create_task(wait_for_ever())
        async with asyncio.timeout(_PATIENCE):
            await begun.wait()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await store.write_denial(make_denial())


async def _turn(turns: AsyncGenerator[None, None]) -> None:
    async with asyncio.timeout(_PATIENCE):
        await anext(turns)


class PurgingFeedRules(Rules):
    """Only what no living token is concerned by leaves the feed, and no follower notices."""

    async def test_denials_that_expired_leave_and_the_others_stay_in_order(self, store: Store) -> None:
        ages = [NOW - 1, NOW + 1, NOW, NOW + 0.001, NOW - 900]
        written = [make_denial(expires_at=expires) for expires in ages]
        for denial in written:
            await store.write_denial(denial)
        assert await store.purge_denials(NOW, EVERYTHING) == 3
        assert await feed(store) == (written[1], written[3])

    async def test_a_purge_deletes_no_more_than_it_is_told_to(self, store: Store) -> None:
        for _ in range(7):
            await store.write_denial(make_denial(expires_at=NOW - 1))
        assert [await store.purge_denials(NOW, 3) for _ in range(4)] == [3, 3, 1, 0]

    async def test_a_purge_of_nothing_deletes_nothing(self, store: Store) -> None:
        await store.write_denial(make_denial(expires_at=NOW - 1))
        assert await store.purge_denials(NOW, 0) == 0
        assert len(await feed(store)) == 1

    async def test_a_follower_at_the_head_learns_what_comes_after_everything_was_purged(self, store: Store) -> None:
        for _ in range(5):
            await store.write_denial(make_denial(expires_at=NOW - 1))
        head = (await store.read_feed(0, EVERYTHING)).cursor
        assert await store.purge_denials(NOW, EVERYTHING) == 5
        nothing = await store.read_feed(head, EVERYTHING)
        assert nothing.denials == ()
        news = tuple([make_denial() for _ in range(7)])
        for denial in news:
            await store.write_denial(denial)
        assert (await store.read_feed(head, EVERYTHING)).denials == news
        assert (await store.read_feed(nothing.cursor, EVERYTHING)).denials == news

    async def test_a_follower_whose_place_was_purged_learns_what_is_left(self, store: Store) -> None:
        written = [make_denial(expires_at=NOW - 1 if index < 3 else NOW + 9) for index in range(5)]
        for denial in written:
            await store.write_denial(denial)
        behind = (await store.read_feed(0, 2)).cursor
        await store.purge_denials(NOW, EVERYTHING)
        assert (await store.read_feed(behind, EVERYTHING)).denials == tuple(written[3:])
