"""The contract itself: no rule hides another, and a store that breaks one is caught."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from sealring.testing import StoreContract
from sealring.testing.rules.base import Rules
from tests.stores.broken_stores import CAUGHT_BY


def test_no_rule_hides_another_of_the_same_name() -> None:
    names = Counter(
        name
        for rules in StoreContract.__mro__
        if issubclass(rules, Rules)
        for name in vars(rules)
        if name.startswith("test_")
    )
    assert len(names) > 90
    assert [name for name, times in names.items() if times > 1] == []


def test_a_store_that_breaks_a_rule_is_caught_by_that_rule() -> None:
    file = Path(__file__).with_name("broken_stores.py")
    rules = [f"{file}::{store}::{rule}" for store, rule in CAUGHT_BY.items()]
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "--tb=no", "-p", "no:cacheprovider", *rules]
    root = Path(__file__).parents[2]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=120)
    lines = result.stdout.splitlines()
    failed = {line.split("::")[1] for line in lines if line.startswith("FAILED")}
    assert failed == set(CAUGHT_BY), result.stdout
    assert not [line for line in lines if line.startswith(("PASSED", "ERROR"))]
