"""What a token costs, claim by claim, and the limits that it must keep when it is issued and when the ring is made."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from benchmarks import token_size
from sealring import ClaimsSchema, Policy, Sealring, Subject
from sealring.access import measure
from sealring.access.size import MAX_COOKIE_BYTES
from sealring.errors import ConfigurationError, TokenTooLarge
from sealring.jose import dump_json, generate, sign
from sealring.policy import AccessPolicy, WebPolicy
from sealring.stores.memory import MemoryStore
from tests.access.issuing import KEY, desk, payload
from tests.support import key_encryption, refresh_keys

ROOT = Path(__file__).parents[2]
RSA = generate("RS256")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(), st.lists, max_leaves=5
)


class Claims(BaseModel):
    team: str = "blue"
    note: str = ""


SCHEMA = ClaimsSchema(Claims)


@given(claims=st.dictionaries(st.text(), JSON, min_size=1, max_size=12), key=st.sampled_from([KEY, RSA]))
def test_parts_add_up_to_the_length_of_the_token_exactly(claims: dict[str, object], key: Any) -> None:
    text = sign(dump_json(claims), key, typ="at+jwt")
    size = measure(text, claims)
    assert size.total == len(text)
    assert size.other == 0
    assert [name for name, _ in size.claims] == list(claims)


@given(claims=st.dictionaries(st.text(), JSON, min_size=1, max_size=12))
def test_cost_of_a_claim_is_what_leaving_it_out_would_save(claims: dict[str, object]) -> None:
    whole = len(sign(dump_json(claims), KEY, typ="at+jwt"))
    for name, cost in measure(sign(dump_json(claims), KEY, typ="at+jwt"), claims).claims:
        rest = {other: value for other, value in claims.items() if other != name}
        saved = whole - len(sign(dump_json(rest), KEY, typ="at+jwt"))
        # Three bytes become four characters, so a single cost is rounded; a claim that is alone takes the braces along.
        assert abs(cost - saved) <= (3 if rest else 4)


def test_token_over_its_budget_is_refused_with_the_bytes_of_each_claim() -> None:
    claims = Claims(note="x" * 600)
    text = desk(SCHEMA).issue(claims).text
    with pytest.raises(TokenTooLarge) as refused:
        desk(SCHEMA, budget=len(text) - 1).issue(claims)
    said = refused.value.detail
    assert said.startswith(f"the token has {len(text)} bytes, its budget is {len(text) - 1}; bytes by claim: note ")
    costs = {name: int(cost) for name, cost in re.findall(r"(\w+) (\d+)(?:,|$)", said.partition("claim: ")[2])}
    assert costs.keys() == {*payload(text), "header", "signature", "dots"}
    assert sum(costs.values()) == len(text)
    listed = [costs[name] for name in costs if name in payload(text)]
    assert listed == sorted(listed, reverse=True)
    assert "xxx" not in said, "a value never stands in an error"
    assert len(desk(SCHEMA, budget=len(text)).issue(claims).text) == len(text)


def test_token_that_its_cookie_cannot_hold_is_refused_by_the_name_of_the_cookie() -> None:
    room = MAX_COOKIE_BYTES - len("__Host-Http-todo-at")
    claims = Claims()
    while len(desk(SCHEMA, budget=4_096).issue(claims).text) <= room:
        claims = Claims(note=claims.note + "x")
    fitting = Claims(note=claims.note[:-1])
    with_cookie = desk(SCHEMA, budget=4_096, cookie="__Host-Http-todo-at")
    assert len(with_cookie.issue(fitting).text) <= room
    with pytest.raises(TokenTooLarge, match=r"the cookie __Host-Http-todo-at would have 409[0-9] bytes.*note [0-9]+"):
        with_cookie.issue(claims)


async def nobody(_: str) -> Subject | None:
    return None


def ring(policy: Policy) -> Sealring[Claims]:
    return Sealring(
        policy=policy,
        store=MemoryStore(),
        key_encryption=key_encryption(),
        refresh_keys=refresh_keys(),
        load_subject=nobody,
        claims=Claims,
    )


@pytest.mark.parametrize(
    ("secure", "room"), [(True, 4_096 - len("__Host-Http-todo-at")), (False, 4_096 - len("todo-at"))]
)
def test_budget_that_the_cookie_could_not_hold_is_refused_when_the_application_starts(secure: bool, room: int) -> None:
    def policy(budget: int) -> Policy:
        return Policy(
            app="todo",
            issuer="https://todo.example",
            access=AccessPolicy(budget=budget),
            web=WebPolicy(secure_cookies=secure),
        )

    assert ring(policy(room)).policy.access.budget == room
    with pytest.raises(ConfigurationError, match=f"todo-at has room for {room}"):
        ring(policy(room + 1))


def test_page_about_sizes_shows_what_its_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    token_size.main()
    printed = capsys.readouterr().out
    page = (ROOT / "docs" / "token-size.md").read_text(encoding="utf-8")
    assert "python -m benchmarks.token_size" in page
    assert printed in page
