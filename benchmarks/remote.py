"""Compares a service without a store with its issuer: the time of a check, the bytes of the feed, the time of news.

Run it from the repository: ``python -m benchmarks.remote [ROUNDS]``. Issuer and service run in this process and talk
over loopback. In "verify" both verify tokens of one issuer in turns, first each a fresh one (signature, claims and
denylist), then the same again; compare the ratio, not the microseconds. "Until the service refuses" is measured from
the commit of an end at the issuer, whose follower hears of it from its own store.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from sealring.errors import RefusedError
from sealring.remote import Follow, Verifier
from sealring.revocation import Denial, DenialKind
from sealring.revocation.record import ENDED
from sealring.revocation.wire import WirePage, encode_page
from tests.remote.issuer import Issuer, issuer

TOKENS = 300
ENDS = 40

Check = Callable[[str], Awaitable[object]]


async def microseconds(check: Check, tokens: list[str]) -> float:
    """Return the mean time of checking each of some tokens."""
    started = time.perf_counter_ns()
    for token in tokens:
        await check(token)
    return (time.perf_counter_ns() - started) / len(tokens) / 1e3


async def race(it: Issuer, reports: Verifier[Any], rounds: int) -> None:
    """Print the times of issuer and service, in turns within each round."""
    print(f"\n{'verify':<24} {'issuer us':>10} {'service us':>11} {'ratio':>7}")
    laps: dict[str, list[tuple[float, float]]] = {"a fresh token": [], "the same token again": []}
    for number in range(rounds):
        session = await it.it.login()
        fresh = [await _another(it, session) for _ in range(TOKENS)]
        # Who begins takes turns as well.
        checks = [it.it.ring.authenticate, reports.authenticate]
        order = (0, 1) if number % 2 else (1, 0)
        for name in laps:
            lap = [0.0, 0.0]
            for each in order:
                lap[each] = await microseconds(checks[each], fresh)
            laps[name].append((lap[0], lap[1]))
    for name, times in laps.items():
        ratio = statistics.median(service / own for own, service in times)
        own, service = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name:<24} {own:>10.1f} {service:>11.1f} {ratio:>7.2f}")


async def _another(it: Issuer, session: Any) -> str:
    row = session.view.row
    tokens = await it.it.ring._parts.minter.mint(row, it.it.subjects["ada"], "unchanged", None, it.clock.now())
    return str(tokens.access_token)


def sizes() -> None:
    """Print the bytes of the feed."""
    print(f"\n{'feed':<34} {'bytes':>8}")
    ends = tuple(Denial(DenialKind.SESSION, f"{number:032x}", ENDED, 1.8e9 + number) for number in range(1_000))
    raised = tuple(Denial(DenialKind.SESSION, f"{number:032x}", 1, 1.8e9 + number) for number in range(1_000))
    empty = WirePage(cursor="1000000.fX3kq0Zs1aBc", denials=(), at=1.234)
    for name, denials in (("1,000 ended sessions", ends), ("1,000 raised epochs", raised), ("no news", ())):
        print(f"{name:<34} {len(encode_page(WirePage(cursor=empty.cursor, denials=denials, at=empty.at))):>8}")


async def news(it: Issuer, follow: Follow) -> list[float]:
    """Return the seconds from each of some ends to the refusal by the service."""
    seconds: list[float] = []
    async with it.verifier(follow=follow) as reports:
        for _ in range(ENDS):
            session = await it.it.login()
            await reports.authenticate(session.access_token)
            await it.it.ring.logout(refresh_token=session.refresh_token)
            ended_at = time.perf_counter()
            while await _accepted(reports, session.access_token):  # noqa: ASYNC110 - it is the change that is timed
                await asyncio.sleep(0.001)
            seconds.append(time.perf_counter() - ended_at)
    return sorted(seconds)


async def _accepted(reports: Verifier[Any], token: str) -> bool:
    try:
        await reports.authenticate(token)
    except RefusedError:
        return False
    return True


async def main() -> None:
    """Print the three tables."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    sizes()
    async with issuer(poll=1) as it:
        async with it.verifier() as reports:
            await race(it, reports, rounds)
        print(f"\n{'until the service refuses':<24} {'p50 ms':>10} {'p99 ms':>11}")
        for follow in Follow:
            seconds = await news(it, follow)
            p50, p99 = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]
            print(f"{follow:<24} {p50 * 1e3:>10.1f} {p99 * 1e3:>11.1f}")


if __name__ == "__main__":
    asyncio.run(main())
