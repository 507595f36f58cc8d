"""``docs/jose.md`` says what is so."""

import ast
import re
from pathlib import Path

from sealring.jose import ALGORITHMS, MAX_GENERAL_BYTES, MAX_TOKEN_BYTES
from sealring.jose.jwks import MAX_KEYS
from sealring.policy import TOKEN_ALGORITHMS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "jose.md").read_text(encoding="utf-8")


def test_every_example_of_the_page_runs() -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        exec(compile(example, "docs/jose.md", "exec"), {})


def test_the_table_of_algorithms_is_the_table_of_the_code() -> None:
    rows = re.findall(r"^\| `([A-Z]\w+)` \| (\w+)(?: [\w-]+)? \| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE)
    assert {name: kty for name, kty, _ in rows} == {name: row.kty for name, row in ALGORITHMS.items()}
    assert {name for name, _, signs in rows if signs.startswith("yes")} == TOKEN_ALGORITHMS


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    assert f"| {MAX_TOKEN_BYTES:,} characters | {MAX_GENERAL_BYTES:,} characters" in PAGE
    assert f"more than {MAX_KEYS}" in PAGE


def _compared(node: ast.Compare) -> set[str]:
    """Return the names of what an equality compares, without what is only a part of an operand."""
    if not any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops):
        return set()
    operands = [node.left, *node.comparators]
    return {each.attr for each in operands if isinstance(each, ast.Attribute)} | {
        each.id for each in operands if isinstance(each, ast.Name)
    }


def test_every_constant_time_comparison_is_listed_and_no_digest_is_compared_otherwise() -> None:
    listed = set(re.findall(r"`(src/[\w/]+\.py)`", PAGE.split("## Constant time")[1].split("## ")[0]))
    careful: set[str] = set()
    careless: set[str] = set()
    for path in (ROOT / "src" / "sealring").rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "compare_digest":
                careful.add(name)
            if isinstance(node, ast.Compare) and {"secret_hash", "secret", "digest", "mac"} & _compared(node):
                careless.add(name)
    assert careful | {"src/sealring/keys/wrapping.py"} == listed
    # It stands for what other stores do in SQL; see the page.
    assert careless == {"src/sealring/stores/transitions.py"}
