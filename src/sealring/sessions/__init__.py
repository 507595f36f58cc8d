"""Sessions: one row per login, the refresh token, and the decision about a presented one."""

from sealring.sessions.answer import SessionTokens, SessionView
from sealring.sessions.decide import Decision, Outcome, Presented, Sender, decide
from sealring.sessions.open import Login
from sealring.sessions.port import SessionStore
from sealring.sessions.record import Confirmation, EndReason, Rotation, SessionRow
from sealring.sessions.subject import Subject, SubjectLoader
from sealring.sessions.token import RefreshKeys

__all__ = [
    "Confirmation",
    "Decision",
    "EndReason",
    "Login",
    "Outcome",
    "Presented",
    "RefreshKeys",
    "Rotation",
    "Sender",
    "SessionRow",
    "SessionStore",
    "SessionTokens",
    "SessionView",
    "Subject",
    "SubjectLoader",
    "decide",
]
