"""``docs/revocation.md`` says what is so."""

import re
from pathlib import Path

from sealring.observe.metrics import PrometheusSink
from sealring.policy import RevocationPolicy
from sealring.settings import SealringSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "revocation.md").read_text(encoding="utf-8")
POLICY = RevocationPolicy()


def test_every_example_of_the_page_runs() -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(examples) == 1
    for example in examples:
        exec(compile(example, "docs/revocation.md", "exec"), {})


def test_the_published_numbers_are_those_of_the_policy() -> None:
    stale = int(POLICY.max_staleness.total_seconds())
    assert f"| at the latest {stale} s after the commit |" in PAGE
    assert f"| for up to {stale} s as before;" in PAGE
    assert f"(`max_staleness`, {stale} s)" in PAGE
    assert f"(`poll_every`, {int(POLICY.poll_every.total_seconds())} s)" in PAGE
    assert f"more than {int(POLICY.ask_within.total_seconds() * 1000)} ms |" in PAGE
    assert f"within {int(POLICY.sensitive_within.total_seconds())} s, or 503" in PAGE
    assert f"`when_stale={POLICY.when_stale}` (default)" in PAGE
    assert POLICY.accept_stale_for.total_seconds() == 0
    assert "`accept_stale_for` (default 0)" in PAGE


def test_what_was_measured_lies_within_what_is_published() -> None:
    measured = [float(seconds) for seconds in re.findall(r"\| ([\d.]+) s \|$", PAGE, re.MULTILINE)]
    assert len(measured) == 4
    assert max(measured) <= POLICY.poll_every.total_seconds() < POLICY.max_staleness.total_seconds()


def test_every_setting_and_every_metric_of_the_page_exists() -> None:
    settings = {name.lower() for name in re.findall(r"`SEALRING_(\w+)", PAGE)}
    assert settings
    assert settings <= set(SealringSettings.model_fields)
    shown = PrometheusSink().expose().decode()
    counters = re.findall(r"`(sealring_\w+_total)`", PAGE)
    assert len(counters) == 4
    assert [name for name in counters if f"\n{name} 0.0\n" not in shown] == []
