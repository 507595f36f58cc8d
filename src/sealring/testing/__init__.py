"""For tests: the contract that every store passes, a clock that stands still, and builders of records.

The contract needs pytest, anyio and hypothesis, and is imported only when somebody asks for it; the rest needs nothing.
"""

from typing import TYPE_CHECKING

from sealring.clock import ManualClock
from sealring.testing.build import GRACE, NOW, make_denial, make_key, make_rotation, make_row

if TYPE_CHECKING:
    from sealring.testing.contract import StoreContract

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


def __getattr__(name: str) -> object:
    """Import the contract when it is asked for (PEP 562)."""
    if name != "StoreContract":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest

    # Before the rules are imported: their assertions shall say what they compared.
    pytest.register_assert_rewrite("sealring.testing.rules")
    from sealring.testing.contract import StoreContract

    globals()[name] = StoreContract
    return StoreContract
