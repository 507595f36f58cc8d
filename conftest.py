"""Turns skips into failures where ``SEALRING_NO_SKIPS=1`` is set, as ``make test`` does.

A suite that skips its browser or its store because it is missing looks green and has proved nothing.
"""

import os
from collections.abc import Generator

import pytest

NO_SKIPS = os.environ.get("SEALRING_NO_SKIPS") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skipped itself; an expected failure (xfail) is no skip."""
    report = yield
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that skipped itself while it was collected."""
    report = yield
    if NO_SKIPS and report.skipped:
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"skipped, but nothing may be skipped here: {reason}"
