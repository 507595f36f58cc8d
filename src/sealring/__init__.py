"""The token lifecycle of full-stack Python applications: issue, verify, refresh, rotate, revoke.

Build one :class:`Sealring`, usually with :func:`sealring.settings.load_settings`, and use it through
:mod:`sealring.fastapi` or :mod:`sealring.starlette`.
"""

from sealring.access import AccessToken, Authenticator, ClaimsSchema, NoClaims
from sealring.errors import Action, RefusedError, SealringError
from sealring.events import Event, Severity, Sink
from sealring.keys import KeyEncryptionKeys
from sealring.policy import (
    AccessPolicy,
    Client,
    IdleBy,
    KeyPolicy,
    Mode,
    Policy,
    RevocationPolicy,
    SessionPolicy,
    WebPolicy,
    WhenFull,
)
from sealring.service import Sealring
from sealring.sessions import EndReason, Login, RefreshKeys, Sender, SessionRow, SessionTokens, SessionView, Subject

__all__ = [
    "AccessPolicy",
    "AccessToken",
    "Action",
    "Authenticator",
    "ClaimsSchema",
    "Client",
    "EndReason",
    "Event",
    "IdleBy",
    "KeyEncryptionKeys",
    "KeyPolicy",
    "Login",
    "Mode",
    "NoClaims",
    "Policy",
    "RefreshKeys",
    "RefusedError",
    "RevocationPolicy",
    "Sealring",
    "SealringError",
    "Sender",
    "SessionPolicy",
    "SessionRow",
    "SessionTokens",
    "SessionView",
    "Severity",
    "Sink",
    "Subject",
    "WebPolicy",
    "WhenFull",
]
