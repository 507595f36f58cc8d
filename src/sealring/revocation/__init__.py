"""Revocation: denials, their feed and the in-process denylist."""

from sealring.revocation.denylist import Denylist
from sealring.revocation.distrust import KeyDistruster
from sealring.revocation.follower import FeedFollower
from sealring.revocation.port import FeedReader, FeedStore
from sealring.revocation.record import ENDED, Denial, DenialKind, FeedPage

__all__ = [
    "ENDED",
    "Denial",
    "DenialKind",
    "Denylist",
    "FeedFollower",
    "FeedPage",
    "FeedReader",
    "FeedStore",
    "KeyDistruster",
]
