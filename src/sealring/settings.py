"""Settings from the environment: policy, keys and store; weak, default or missing secrets are refused with a sentence.

Every setting is read from ``SEALRING_<NAME>``, or from the file ``.sealring.env`` (``SEALRING_ENV_FILE`` names
another). Secrets are lists of ``version:base64url`` separated by commas; ``sealring init`` makes them.
"""

import base64
import os
import secrets
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sealring.access.claims import ClaimsT, NoClaims
from sealring.access.versions import ClaimsSchema
from sealring.clock import Clock
from sealring.errors import ConfigurationError
from sealring.events import Sink
from sealring.keys.signer import ExternalKeys
from sealring.keys.wrapping import KeyEncryptionKeys
from sealring.oauth.callers import Callers
from sealring.policy import (
    AccessPolicy,
    IdleBy,
    KeyPolicy,
    Policy,
    RevocationPolicy,
    SessionPolicy,
    WebPolicy,
    WhenFull,
    WhenStale,
)
from sealring.service import Sealring
from sealring.sessions.subject import SubjectLoader
from sealring.sessions.token import RefreshKeys
from sealring.stores import open_store

DEFAULT_ENV_FILE = ".sealring.env"
_KEY_BYTES = 32


class Environment(StrEnum):
    """Where the application runs; development is forgiving about http and stores, never about secrets' strength."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class SealringSettings(BaseSettings):
    """Everything that differs between one installation and another.

    Every time is in seconds. Values out of range are refused when the policy is built, with the range.
    """

    model_config = SettingsConfigDict(env_prefix="SEALRING_", extra="ignore", hide_input_in_errors=True)

    environment: Environment = Field(
        Environment.PRODUCTION, description="`production` or `development`; development allows plain http."
    )
    app: str = Field("app", description="Short name of the application; part of its cookie names.")
    issuer: str = Field(
        description="The `iss` of the tokens and the origin of the pages: an https URL without trailing slash."
    )
    former_issuers: str = Field(
        "", description="Other issuer names whose tokens are accepted while the issuer is renamed, comma-separated."
    )
    audience: str = Field(
        "",
        description="The `aud` of new tokens, comma-separated: first this service's own identifier, then others that "
        "take its tokens; default the issuer.",
    )
    store: str = Field(
        "sqlite:///sealring.db",
        description="Where sessions and keys are: `sqlite:///file`, `postgresql://…`, `redis://…` or `memory:`.",
    )
    key_encryption_keys: SecretStr = Field(
        description="Keys that seal the signing keys: `version:base64url of 32 random bytes`, comma-separated."
    )
    key_encryption_key_in_use: int | None = Field(None, description="The version that seals; default the highest.")
    refresh_keys: SecretStr = Field(
        description="MAC keys of the refresh tokens: `version:base64url of 32 random bytes`, comma-separated."
    )
    refresh_key_in_use: int | None = Field(
        None, description="The version that signs; default the highest. Raise it only when every server has the key."
    )
    algorithm: str = Field(
        "ES256", description="The algorithm of new signing keys: `ES256`, `Ed25519`, `RS256` or `PS256`."
    )
    key_period: float = Field(30 * 86_400, description="A signing key signs for this long.")
    key_announce: float = Field(86_400, description="A signing key is published for this long before it signs.")
    jwks_max_age: float = Field(300, description="How long others may cache the public keys.")
    access_lifetime: float = Field(900, description="Life of an access token.")
    leeway: float = Field(10, description="Accepted clock difference between servers, at most 60.")
    token_budget: int = Field(1_500, description="Bytes of one access token, 400 to 4,096 with its cookie's name.")
    claims_version: int | None = Field(
        None,
        description="The version of the application's claims that is written; default the oldest registered. Raise it "
        "only when every server can read the new one.",
    )
    idle: float = Field(7 * 86_400, description="A persistent session ends after this time without use.")
    absolute: float = Field(30 * 86_400, description="No session lives longer.")
    transient: float = Field(12 * 3_600, description='Life of a session without "keep me signed in".')
    idle_by: IdleBy = Field(IdleBy.ACTIVITY, description="What counts as use: `activity` or `refresh`.")
    grace: float = Field(20, description="How long a lost answer can be asked for again after it was confirmed.")
    client_timeout: float = Field(10, description="How long a client waits for a refresh; the grace must exceed it.")
    sessions_per_subject: int = Field(50, description="Live sessions of one account.")
    sessions_when_full: WhenFull = Field(
        WhenFull.END_OLDEST, description="What one session more does: `end_oldest`, or `refuse` the login."
    )
    feed_poll: float = Field(1, description="How often a server asks the store for revocations, woken or not.")
    feed_max_staleness: float = Field(
        5,
        description="Older news of revocations are stale; no revoked token is accepted for longer than this.",
    )
    when_stale: WhenStale = Field(
        WhenStale.ASK,
        description="What happens then: `ask` the store, with 503 if it is silent for 0.25 seconds, or `refuse`.",
    )
    accept_stale_for: float = Field(
        0, description="For so long beyond that, tokens are accepted all the same, except on sensitive routes."
    )
    allowed_origins: str = Field("", description="Further origins of own pages, comma-separated.")
    insecure_cookies: bool = Field(
        False, description="Cookies without `Secure` and prefix, for browsers that refuse those on http://localhost."
    )
    callers: str = Field(
        "",
        description="Services that may follow the feed: `name:digest`, comma-separated; `sealring caller` makes both.",
    )
    hsts: bool = Field(True, description="Whether Strict-Transport-Security is sent.")

    @model_validator(mode="after")
    def _safe_outside_development(self) -> Self:
        if self.environment is Environment.DEVELOPMENT:
            return self
        if not self.issuer.startswith("https://"):
            raise ValueError("outside development SEALRING_ISSUER must be an https URL")
        if self.insecure_cookies:
            raise ValueError("SEALRING_INSECURE_COOKIES is for development only: remove it")
        if self.store.startswith("memory:"):
            raise ValueError("the memory store forgets at every restart: set SEALRING_STORE to sqlite:///file")
        return self

    def policy(self) -> Policy:
        """Return the policy that these settings describe.

        Raises:
            ConfigurationError: a value is out of its range.
        """
        origins = _listed(self.allowed_origins)
        base = Policy(app=self.app, issuer=self.issuer)
        return Policy(
            app=self.app,
            issuer=self.issuer,
            former_issuers=_listed(self.former_issuers),
            access=AccessPolicy(
                lifetime=timedelta(seconds=self.access_lifetime),
                leeway=timedelta(seconds=self.leeway),
                algorithm=self.algorithm,
                audience=_listed(self.audience) or None,
                budget=self.token_budget,
                version=self.claims_version,
            ),
            sessions=SessionPolicy(
                idle=timedelta(seconds=self.idle),
                absolute=timedelta(seconds=self.absolute),
                transient=timedelta(seconds=self.transient),
                idle_by=self.idle_by,
                grace=timedelta(seconds=self.grace),
                client_timeout=timedelta(seconds=self.client_timeout),
                per_subject=self.sessions_per_subject,
                when_full=self.sessions_when_full,
            ),
            keys=KeyPolicy(
                period=timedelta(seconds=self.key_period),
                announce=timedelta(seconds=self.key_announce),
                jwks_max_age=timedelta(seconds=self.jwks_max_age),
            ),
            revocation=RevocationPolicy(
                poll_every=timedelta(seconds=self.feed_poll),
                max_staleness=timedelta(seconds=self.feed_max_staleness),
                when_stale=self.when_stale,
                accept_stale_for=timedelta(seconds=self.accept_stale_for),
            ),
            web=WebPolicy(
                allowed_origins=(*sorted(base.allowed_origins), *origins),
                secure_cookies=not self.insecure_cookies,
                hsts=self.hsts,
            ),
        )

    def key_encryption(self) -> KeyEncryptionKeys:
        """Return the keys that seal the signing keys.

        Raises:
            ConfigurationError: one is weak, malformed, or also used as a refresh key.
        """
        keys, newest = _versioned("SEALRING_KEY_ENCRYPTION_KEYS", self.key_encryption_keys)
        if set(keys.values()) & set(_versioned("SEALRING_REFRESH_KEYS", self.refresh_keys)[0].values()):
            raise ConfigurationError("One secret is used as key-encryption key and as refresh key: make two.")
        return KeyEncryptionKeys(keys, self.key_encryption_key_in_use or newest)

    def refresh(self) -> RefreshKeys:
        """Return the MAC keys of refresh tokens.

        Raises:
            ConfigurationError: one is weak or malformed.
        """
        keys, newest = _versioned("SEALRING_REFRESH_KEYS", self.refresh_keys)
        return RefreshKeys(keys, self.refresh_key_in_use or newest)

    def known_callers(self) -> Callers:
        """Return the services that may ask this one.

        Raises:
            ConfigurationError: a name or a digest is malformed.
        """
        pairs = (entry.partition(":") for entry in _listed(self.callers))
        return Callers((name, digest) for name, _, digest in pairs)

    def build(
        self,
        *,
        load_subject: SubjectLoader,
        claims: type[ClaimsT] | ClaimsSchema[ClaimsT] = NoClaims,  # type: ignore[assignment]  # the default of ClaimsT
        sinks: Iterable[Sink] = (),
        clock: Clock | None = None,
        external_keys: ExternalKeys | None = None,
    ) -> Sealring[ClaimsT]:
        """Return the object that the application builds everything on.

        Args:
            load_subject: tells about an account by its id; None when it is deleted or disabled.
            claims: the model of the application's own claims, or the schema of their versions; default none.
            sinks: consume the events.
            clock: tells the time; default the machine's.
            external_keys: makes signing keys outside of this process and signs with them; default none.

        Raises:
            ConfigurationError: a secret is weak or malformed, or a value is out of its range.
        """
        return Sealring(
            policy=self.policy(),
            store=open_store(self.store),
            key_encryption=self.key_encryption(),
            refresh_keys=self.refresh(),
            load_subject=load_subject,
            claims=claims,
            sinks=sinks,
            clock=clock,
            external_keys=external_keys,
        )


def load_settings(env_file: Path | None = None) -> SealringSettings:
    """Read the settings from the environment and the settings file.

    Args:
        env_file: default ``$SEALRING_ENV_FILE``, then ``.sealring.env``; it need not exist.

    Raises:
        ConfigurationError: a setting is missing or wrong; the sentence says which and what to do.
    """
    chosen = env_file or Path(os.environ.get("SEALRING_ENV_FILE", DEFAULT_ENV_FILE))
    try:
        return SealringSettings(_env_file=chosen)  # type: ignore[call-arg]
    except ValidationError as error:
        raise ConfigurationError(" ".join(_sentence(item["loc"], item["msg"]) for item in error.errors())) from None


def write_secrets(path: Path, *, environment: Environment, issuer: str, app: str) -> bool:
    """Create a settings file with fresh secrets, readable by its owner only; an existing one is kept.

    Args:
        path: where; its folder must exist.
        environment: goes into the file.
        issuer: goes into the file.
        app: goes into the file.

    Returns:
        Whether the file was created.

    Raises:
        ConfigurationError: it cannot be written, or others may read the one that is there.
    """
    text = (
        "# Made by `sealring init`. Keep it secret and keep it: a new one signs everybody out.\n"
        f"SEALRING_ENVIRONMENT={environment}\nSEALRING_APP={app}\nSEALRING_ISSUER={issuer}\n"
        f"SEALRING_KEY_ENCRYPTION_KEYS=1:{_fresh_key()}\nSEALRING_REFRESH_KEYS=1:{_fresh_key()}\n"
    )
    try:
        # O_EXCL: of two first starts at the same moment, one makes the secrets and both use them.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"Others may read the secrets in {path}: run 'chmod 600 {path}'.") from None
        return False
    except OSError as error:
        raise ConfigurationError(f"The secrets file {path} cannot be written: {error.strerror}.") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def _fresh_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode().rstrip("=")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _versioned(name: str, secret: SecretStr) -> tuple[dict[int, bytes], int]:
    keys: dict[int, bytes] = {}
    for entry in secret.get_secret_value().split(","):
        version, colon, text = entry.strip().partition(":")
        if not colon or not version.isascii() or not version.isdigit() or int(version) in keys:
            raise ConfigurationError(f"{name} is written version:base64url, comma-separated, each version once.")
        try:
            keys[int(version)] = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise ConfigurationError(
                f"Version {version} of {name} is not base64url: make it with 'sealring init'."
            ) from None
    return keys, max(keys)


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    if not location:
        return message.removeprefix("Value error, ") + "."
    name = f"SEALRING_{'_'.join(str(part) for part in location).upper()}"
    if message == "Field required":
        return f"{name} is not set: run 'sealring init' or set it."
    return f"{name}: {message}."
