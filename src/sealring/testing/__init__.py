"""For tests: the contract that every store passes, a clock that stands still, and builders of records.

It needs pytest, anyio and hypothesis; nothing else of the package imports it.
"""

import pytest

# Before the rules are imported: their assertions shall say what they compared.
pytest.register_assert_rewrite("sealring.testing.rules")

from sealring.clock import ManualClock  # noqa: E402
from sealring.testing.build import GRACE, NOW, make_denial, make_key, make_rotation, make_row  # noqa: E402
from sealring.testing.contract import StoreContract  # noqa: E402

__all__ = [
    "GRACE",
    "NOW",
    "ManualClock",
    "StoreContract",
    "make_denial",
    "make_key",
    "make_rotation",
    "make_row",
]
