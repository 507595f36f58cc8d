"""Draws a token for a person, and describes it for a program; neither form holds the signature."""

import json

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sealring.access.reading import LATEST_DATE
from sealring.cli.show import stamp
from sealring.cli.token_lookup import Lookup
from sealring.cli.unverified import UnverifiedToken

_DATES = frozenset({"exp", "iat", "nbf", "auth_time"})
_BAR = 10
_LONGEST_VALUE = 200


def headline(lookup: Lookup) -> str:
    """Return the first line: what may be believed of all the rest."""
    if lookup.verified is None:
        return "NOT VERIFIED: anybody can have written what follows. --verify checks it with the configured key ring."
    if lookup.verified:
        return (
            "VERIFIED with the configured key ring: signature, issuer, audience, client, times, key and revocation. "
            "The application's own claims were not checked."
        )
    return f"REFUSED by the configured key ring: {lookup.code}, {lookup.detail}. Believe nothing of what follows."


def draw(token: UnverifiedToken, lookup: Lookup, now: float) -> None:
    """Print a token as tables on standard output.

    Args:
        token: what was read.
        lookup: what the installation says about it.
        now: seconds since the epoch.
    """
    console = Console(highlight=False)
    console.print(Text(headline(lookup), style="bold"), soft_wrap=True)
    header = Table("header", "value", title=f"Header, {token.size.header} bytes", title_justify="left")
    for name, value in token.header.items():
        header.add_row(Text(_printable(name)), Text(_shown(value), overflow="fold"))
    console.print(header)
    console.print(_claims_table(token, now, block="#" if console.options.ascii_only else "█"))
    console.print(Text(f"Key: {lookup.key}"), soft_wrap=True)
    size = token.size
    console.print(
        Text(
            f"Size: {size.total} bytes = header {size.header} + claims "
            f"{sum(cost for _, cost in size.claims) + size.other} + signature {size.signature} + 2 dots"
        ),
        soft_wrap=True,
    )


def as_json_object(token: UnverifiedToken, lookup: Lookup, now: float) -> dict[str, object]:
    """Return the same for a program.

    Args:
        token: what was read.
        lookup: what the installation says about it.
        now: seconds since the epoch.
    """
    size = token.size
    return {
        "verified": lookup.verified is True,
        "note": headline(lookup),
        "refused": {"code": lookup.code, "detail": lookup.detail} if lookup.verified is False else None,
        "header": dict(token.header),
        "claims": dict(token.claims),
        "bytes": {
            "total": size.total,
            "header": size.header,
            "claims": dict(size.claims),
            "other": size.other,
            "signature": size.signature,
        },
        "seconds_from_now": {
            name: moment - now for name in token.claims if (moment := _moment(name, token.claims[name])) is not None
        },
        "key": lookup.key,
    }


def _claims_table(token: UnverifiedToken, now: float, *, block: str) -> Table:
    costs = dict(token.size.claims)
    dearest = max(costs.values(), default=1)
    table = Table("claim", "value", title=f"Claims, {sum(costs.values())} bytes", title_justify="left")
    table.add_column("bytes", justify="right")
    table.add_column("")
    for name, value in token.claims.items():
        moment = _moment(name, value)
        shown = _shown(value) if moment is None else _told(moment, now)
        bar = block * max(1, round(_BAR * costs[name] / dearest))
        table.add_row(Text(_printable(name)), Text(shown, overflow="fold"), str(costs[name]), Text(bar))
    return table


def _moment(name: str, value: object) -> float | None:
    """Return the seconds since the epoch of a claim that is a date, or None."""
    if name not in _DATES or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= LATEST_DATE else None


def _told(moment: float, now: float) -> str:
    distance = round(moment - now)
    return f"{stamp(moment)} ({f'in {distance} s' if distance >= 0 else f'{-distance} s ago'})"


def _shown(value: object) -> str:
    # ASCII JSON: a token is anybody's text, and must not steer the terminal that shows it.
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}... ({len(text)} characters)"


def _printable(name: str) -> str:
    return json.dumps(name)[1:-1]
