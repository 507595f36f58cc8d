"""The page about claims shows code that runs, settings that exist and rules that hold."""

import re
from pathlib import Path
from typing import Any

import pytest

from sealring import Sealring
from sealring.access import ClaimsSchema
from sealring.errors import TokenInvalid
from sealring.settings import Environment, SealringSettings, write_secrets
from tests.access.issuing import desk, payload

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "claims.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run every block of the page, one after the other, in a folder with secrets; return what they define."""
    monkeypatch.chdir(tmp_path)
    write_secrets(
        tmp_path / ".sealring.env", environment=Environment.DEVELOPMENT, issuer="http://localhost:8000", app="todo"
    )
    # A name of its own, because pydantic looks types up by module.
    defined: dict[str, Any] = {"__name__": "page"}
    for block in BLOCKS:
        exec(compile(block, "docs/claims.md", "exec"), defined)
    return defined


def test_every_block_of_the_page_runs(run: dict[str, Any]) -> None:
    assert isinstance(run["ring"], Sealring)
    assert payload(desk(run["staff"]).issue(run["Staff"](roles=["editor"])).text)["roles"] == ["editor"]


def test_steps_of_the_rolling_deploy_read_and_write_what_the_table_says(run: dict[str, Any]) -> None:
    schemas: dict[str, ClaimsSchema[Any]] = {
        "start": ClaimsSchema(run["Claims"]),
        "1": run["CLAIMS"],
        "2": run["CLAIMS"],
        "3": run["CLEANED_UP"],
    }
    rows = re.findall(r"^\| (start|\d)[^|]*\|[^|]*\|([^|]*)\| ([\d, ]+) \| (\d) \|$", PAGE, re.MULTILINE)
    assert [row[0] for row in rows] == list(schemas)
    for step, setting, reads, writes in rows:
        chosen = re.search(r"SEALRING_CLAIMS_VERSION=(\d)", setting)
        schema = schemas[step]
        assert schema.to_write(int(chosen[1]) if chosen else None) == int(writes)
        assert (schema.oldest, schema.newest) == (int(reads[0]), int(reads[-1]))
    v2 = run["ClaimsV2"](teams=("blue",))
    assert run["CLAIMS"].read(1, run["CLAIMS"].write(1, v2)) == v2


def test_table_of_audiences_tells_what_is_accepted() -> None:
    rows = re.findall(r"^\| [^|]*\| `(\S.*)` \| (yes|no) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 5
    here = desk(audience=("https://api.example", "https://mail.example"))
    for aud, accepted in rows:
        named = re.findall(r'"([^"]+)"', aud)
        text = here.altered(aud=named if aud.startswith("[") else named[0])
        if accepted == "yes":
            assert here.verify(text).subject == "ada"
        else:
            with pytest.raises(TokenInvalid):
                here.verify(text)


@pytest.mark.parametrize("page", ["claims.md", "token-size.md"])
def test_settings_that_a_page_names_exist(page: str) -> None:
    named = set(re.findall(r"SEALRING_([A-Z_]+)", (DOCS / page).read_text(encoding="utf-8")))
    assert named
    assert {name.lower() for name in named} <= SealringSettings.model_fields.keys()


def test_claims_that_the_page_lists_are_those_that_a_token_has() -> None:
    table = PAGE.partition("## What every token says")[2].partition("## ")[0]
    listed = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert listed == payload(desk().issue().text).keys()
