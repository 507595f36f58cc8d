"""The contract that every store passes."""

from sealring.testing.rules.agreement import AgreementRules
from sealring.testing.rules.cancelling import CancellingRules
from sealring.testing.rules.ending import EndingRules, EndingSubjectRules, RaisingEpochRules
from sealring.testing.rules.feed import FeedRules, PurgingFeedRules, WatchingFeedRules
from sealring.testing.rules.leasing import LeasingRules
from sealring.testing.rules.opening import OpeningRules
from sealring.testing.rules.purging import CountingRules, PurgingRules, PurgingSubjectsRules
from sealring.testing.rules.ring import RingRules
from sealring.testing.rules.rotating import RotatingRules
from sealring.testing.rules.writing import ConfirmingRules, SwappingRules


class StoreContract(
    OpeningRules,
    RotatingRules,
    SwappingRules,
    ConfirmingRules,
    EndingRules,
    EndingSubjectRules,
    RaisingEpochRules,
    PurgingRules,
    PurgingSubjectsRules,
    CountingRules,
    LeasingRules,
    FeedRules,
    PurgingFeedRules,
    WatchingFeedRules,
    RingRules,
    CancellingRules,
    AgreementRules,
):
    """Every rule of the ports, as tests; subclass it and say how your store is opened.

    The tests run under pytest with the plugin of anyio, and need hypothesis::

        class TestMyStore(StoreContract):
            @asynccontextmanager
            async def open_store(self) -> AsyncIterator[Store]:
                async with MyStore(a_fresh_and_empty_place()) as store:
                    yield store
    """
