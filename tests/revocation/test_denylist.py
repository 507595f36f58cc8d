"""The denylist: what is in it only ever gets stronger, in whatever order it came, and goes when it is spent."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.revocation import ENDED, Denial, DenialKind, Denylist

IDENTS = ["one", "other"]
denials = st.builds(
    Denial,
    st.sampled_from(DenialKind),
    st.sampled_from(IDENTS),
    st.sampled_from([0, 1, 2, ENDED]),
    st.sampled_from([10.0, 20.0, 30.0]),
)
batches = st.lists(denials, max_size=12)
TIMES = [0.0, 10.0, 15.0, 20.0, 25.0, 30.0, 31.0]


def listed(news: list[Denial], *, sweep_at: float | None = None) -> Denylist:
    denylist = Denylist()
    denylist.add_all(news)
    if sweep_at is not None:
        denylist.sweep(sweep_at)
    return denylist


def verdicts(denylist: Denylist) -> list[tuple[int, bool, bool, bool]]:
    """Return everything that can be asked of a denylist."""
    return [
        (
            denylist.least_epoch(ident),
            denylist.denies_session(ident),
            denylist.denies_token(ident),
            denylist.denies_key(ident),
        )
        for ident in IDENTS
    ]


def test_an_empty_denylist_denies_nothing() -> None:
    assert verdicts(Denylist()) == [(0, False, False, False)] * 2
    assert len(Denylist()) == 0
    assert list(Denylist().live(0.0)) == []


def test_each_kind_denies_its_own_name_and_no_other() -> None:
    nothing = (0, False, False, False)
    assert verdicts(listed([Denial(DenialKind.SESSION, "one", 3, 10)])) == [(3, False, False, False), nothing]
    assert verdicts(listed([Denial(DenialKind.SESSION, "one", ENDED, 10)]))[0] == (ENDED, True, False, False)
    assert verdicts(listed([Denial(DenialKind.TOKEN, "one", 0, 10)]))[0] == (0, False, True, False)
    assert verdicts(listed([Denial(DenialKind.KEY, "one", 0, 10)]))[0] == (0, False, False, True)


@given(batches, st.randoms(use_true_random=False))
def test_the_order_of_the_news_does_not_matter(news: list[Denial], random: Random) -> None:
    shuffled = list(news)
    random.shuffle(shuffled)
    assert verdicts(listed(news)) == verdicts(listed(shuffled))
    assert set(listed(news).live(0.0)) == set(listed(shuffled).live(0.0))


@given(batches)
def test_hearing_the_same_news_again_changes_nothing(news: list[Denial]) -> None:
    once, twice = listed(news), listed(news + news)
    assert set(once.live(0.0)) == set(twice.live(0.0))
    assert len(once) == len(twice)


@given(batches, denials)
def test_one_more_denial_never_undoes_an_earlier_one(news: list[Denial], more: Denial) -> None:
    before = verdicts(listed(news))
    after = verdicts(listed([*news, more]))
    for (least, *flags), (least_after, *flags_after) in zip(before, after, strict=True):
        assert least_after >= least
        assert all(now or not then for then, now in zip(flags, flags_after, strict=True))


@given(batches)
def test_every_denial_is_in_force_from_the_moment_it_is_added(news: list[Denial]) -> None:
    denylist = listed(news)
    for denial in news:
        if denial.kind is DenialKind.SESSION:
            assert denylist.least_epoch(denial.ident) >= denial.least_epoch
        elif denial.kind is DenialKind.TOKEN:
            assert denylist.denies_token(denial.ident)
        else:
            assert denylist.denies_key(denial.ident)


@given(batches, st.sampled_from(TIMES))
def test_a_sweep_forgets_only_what_no_living_token_is_concerned_by(news: list[Denial], now: float) -> None:
    swept = listed(news, sweep_at=now)
    for denial in news:
        if denial.expires_at > now:
            if denial.kind is DenialKind.SESSION:
                assert swept.least_epoch(denial.ident) >= denial.least_epoch
            elif denial.kind is DenialKind.TOKEN:
                assert swept.denies_token(denial.ident)
            else:
                assert swept.denies_key(denial.ident)
    # A session of which every epoch is accepted is not denied.
    spent_later = [item for item in news if item.expires_at > now]
    of_use = [item for item in spent_later if item.kind is not DenialKind.SESSION or item.least_epoch]
    assert len(swept) == len({(denial.kind, denial.ident) for denial in of_use})
    assert swept.sweep(now) == 0


@given(batches, st.sampled_from(TIMES))
def test_what_is_live_is_enough_to_make_the_denylist_again(news: list[Denial], now: float) -> None:
    denylist = listed(news, sweep_at=now)
    assert verdicts(listed(list(denylist.live(now)))) == verdicts(denylist)


@given(batches, denials)
def test_a_denial_is_covered_exactly_when_adding_it_would_refuse_nothing_more(news: list[Denial], more: Denial) -> None:
    denylist = listed(news)
    assert denylist.covers(more) is (verdicts(denylist) == verdicts(listed([*news, more])))


@given(batches)
def test_the_least_epoch_is_the_greatest_that_was_heard(news: list[Denial]) -> None:
    for ident in IDENTS:
        heard = [item.least_epoch for item in news if item.kind is DenialKind.SESSION and item.ident == ident]
        assert listed(news).least_epoch(ident) == max(heard, default=0)


@pytest.mark.parametrize("kind", DenialKind)
def test_what_is_live_is_given_back_as_it_came_until_the_moment_it_is_spent(kind: DenialKind) -> None:
    news = Denial(kind, "one", 3 if kind is DenialKind.SESSION else 0, 10.0)
    assert list(listed([news]).live(9.999)) == [news]
    assert list(listed([news]).live(10.0)) == []


def test_a_sweep_tells_how_much_it_forgot() -> None:
    denylist = listed([Denial(kind, ident, 1, 10.0) for kind in DenialKind for ident in IDENTS])
    assert (denylist.sweep(9.9), len(denylist)) == (0, 6)
    assert (denylist.sweep(10.0), len(denylist)) == (6, 0)


def test_an_entry_is_kept_until_the_last_token_is_dead_and_at_most_ten_seconds_longer() -> None:
    for expires in (0.1, 3.0, 9.99, 10.0, 10.01, 12_345.6):
        denylist = listed([Denial(DenialKind.SESSION, "one", ENDED, expires)])
        denylist.sweep(expires - 0.001)
        assert denylist.denies_session("one")
        denylist.sweep(expires + 10)
        assert not denylist.denies_session("one")


def test_no_sweep_takes_longer_than_the_next_however_much_is_spent_at_once() -> None:
    denylist = listed([Denial(DenialKind.SESSION, f"{number:032x}", ENDED, 10.0) for number in range(12_000)])
    left = []
    while denylist.sweep(10.0):
        left.append(len(denylist))
    assert left == [7_000, 2_000, 0]


def test_what_is_denied_again_while_it_waits_to_be_forgotten_stays() -> None:
    denylist = listed([Denial(DenialKind.SESSION, f"{number:032x}", ENDED, 10.0) for number in range(12_000)])
    denylist.sweep(10.0)
    again = Denial(DenialKind.SESSION, f"{3:032x}", ENDED, 20.0)
    denylist.add(again)
    while denylist.sweep(10.0):
        pass
    assert list(denylist.live(10.0)) == [again]
    assert denylist.sweep(20.0) == 1


def test_news_may_come_while_what_is_live_is_walked_over() -> None:
    denylist = listed([Denial(DenialKind.SESSION, str(number), ENDED, 10.0) for number in range(3)])
    walk = denylist.live(0.0)
    next(walk)
    denylist.add(Denial(DenialKind.SESSION, "new", ENDED, 30.0))
    denylist.add(Denial(DenialKind.SESSION, "1", ENDED, 30.0))
    assert {denial.ident for denial in walk} == {"1", "2"}
