"""Versions of the application's claims: several are read at once, one is written, and writers follow readers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from sealring.access.claims import ClaimsT, ClaimsT_co
from sealring.access.model import ClaimsModel, claims_model
from sealring.errors import ConfigurationError, SealringError, TokenSuperseded, VersionUnknown

MAX_VERSION = 1_000_000
"""The highest version of claims."""

NextT = TypeVar("NextT", bound=BaseModel)


class ClaimsReader(Protocol[ClaimsT_co]):
    """Turns the claims of a verified token into a typed value."""

    def read(self, version: int, values: Mapping[str, object]) -> ClaimsT_co:
        """Read the application's claims of a token.

        Args:
            version: its ``ver``.
            values: its claims, without ours.

        Raises:
            TokenSuperseded: they are out of use; a refresh brings new ones.
            VersionUnknown: only a newer process can read them.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Step:
    """One version, and the functions between it and the one before."""

    model: ClaimsModel[Any]
    upgrade: Callable[[Any], BaseModel] | None = None
    downgrade: Callable[[Any], BaseModel] | None = None


class ClaimsSchema(Generic[ClaimsT]):
    """The versions of an application's claims that this process knows; it never changes, :meth:`then` returns another.

    Args:
        model: the claims of the oldest version that is still read.
        version: its number, the ``ver`` of its tokens; default 1, 1 to 1,000,000.
        registered: registered names that only describe the user (``email``, ``roles``, …) and that the models use
            in exactly their registered meaning (RFC 9068 sections 2.2.2 and 2.2.3.1); default none.

    Raises:
        ConfigurationError: a name is registered or ours, or the model or the version is not usable.
    """

    def __init__(self, model: type[ClaimsT], *, version: int = 1, registered: Iterable[str] = ()) -> None:
        if not 1 <= version <= MAX_VERSION:
            raise ConfigurationError(f"The claims version is a whole number from 1 to {MAX_VERSION:,}.")
        self._registered = frozenset(registered)
        self._oldest = version
        self._steps: tuple[_Step, ...] = (_Step(claims_model(model, registered=self._registered)),)
        self._model = model

    def then(
        self,
        model: type[NextT],
        *,
        upgrade: Callable[[ClaimsT], NextT],
        downgrade: Callable[[NextT], ClaimsT] | None = None,
    ) -> "ClaimsSchema[NextT]":
        """Return a schema that knows one version more, the new newest.

        Args:
            model: the claims of the next version.
            upgrade: makes them from claims of the version before, when an older token is read.
            downgrade: makes claims of the version before from them, while the version before is still written; it may
                be left out once it no longer is.

        Raises:
            ConfigurationError: a name is registered or ours, or the model is not usable.
        """
        known: ClaimsSchema[NextT] = ClaimsSchema(model, version=self.newest + 1, registered=self._registered)
        known._oldest = self._oldest
        known._steps = (*self._steps, _Step(known._steps[0].model, upgrade, downgrade))
        return known

    @staticmethod
    def of(claims: "type[NextT] | ClaimsSchema[NextT]") -> "ClaimsSchema[NextT]":
        """Return a schema as it is, or a model alone as version 1 of one."""
        return claims if isinstance(claims, ClaimsSchema) else ClaimsSchema(claims)

    @property
    def model(self) -> type[ClaimsT]:
        """The model of the newest version, the one that the application works with."""
        return self._model

    @property
    def oldest(self) -> int:
        """The oldest version that is read."""
        return self._oldest

    @property
    def newest(self) -> int:
        """The newest version that is read."""
        return self._oldest + len(self._steps) - 1

    def to_write(self, version: int | None) -> int:
        """Return the version that new tokens carry.

        Args:
            version: what the policy says; None for the oldest, which every other process of a rolling deploy can read.

        Raises:
            ConfigurationError: it is not known here, or a downgrade to it is missing.
        """
        chosen = self._oldest if version is None else version
        if not self._oldest <= chosen <= self.newest:
            raise ConfigurationError(
                f"Claims version {chosen} is to be written, but the versions {self._oldest} to {self.newest} are known."
            )
        for step, number in self._down_to(chosen):
            if step.downgrade is None:
                raise ConfigurationError(
                    f"Claims version {chosen} is to be written, but nothing leads from version {number} down to "
                    f"{number - 1}: register a downgrade, or write version {number} once every process can read it."
                )
        return chosen

    def read(self, version: int, values: Mapping[str, object]) -> ClaimsT:
        """Read claims of any known version as the newest.

        Args:
            version: the ``ver`` of a token whose signature is good.
            values: its claims, without ours.

        Raises:
            TokenSuperseded: the version is older than all that are known, or the claims do not fit its model, or an
                upgrade failed. The token is authentic and its session lives, so a refresh and not a login is the cure;
                and a mistake in a model or an upgrade logs nobody out.
            VersionUnknown: the version is newer than all that are known.
        """
        if version > self.newest:
            raise VersionUnknown(f"claims version {version}", version=version)
        if version < self._oldest:
            raise TokenSuperseded(f"claims version {version} is out of use")
        first, *later = self._steps[version - self._oldest :]
        try:
            claims = first.model.read(values)
            for step in later:
                claims = _expect(step.model, step.upgrade, claims)
        except Exception as error:  # validators and upgrades are the application's, and may fail in any way
            raise TokenSuperseded(f"claims version {version} cannot be read: {_kind(error)}") from error
        return claims  # type: ignore[no-any-return]  # the last step is the newest version's

    def write(self, version: int, claims: BaseModel) -> dict[str, object]:
        """Write claims of the newest version as an older or the same one.

        Args:
            version: what :meth:`to_write` returned.
            claims: of the newest model.

        Returns:
            JSON values by name; this process has read them back.

        Raises:
            ConfigurationError: the claims are of another model, cannot be written, a downgrade failed, or what was
                written cannot be read back.
        """
        self._steps[-1].model.check(claims)
        try:
            for step, number in self._down_to(version):
                claims = _expect(self._steps[number - 1 - self._oldest].model, step.downgrade, claims)
            values = self._steps[version - self._oldest].model.write(claims)
            if version != self.newest:
                self.read(version, values)
        except ConfigurationError:
            raise
        except Exception as error:
            raise ConfigurationError(f"Claims cannot be written as version {version}: {_kind(error)}.") from error
        return values

    def _down_to(self, version: int) -> list[tuple[_Step, int]]:
        """Return the steps above a version with their numbers, the newest first."""
        return [(self._steps[number - self._oldest], number) for number in range(self.newest, version, -1)]


def _expect(model: ClaimsModel[Any], convert: Callable[[Any], BaseModel] | None, claims: BaseModel) -> BaseModel:
    if convert is None:
        raise ConfigurationError("A conversion between two versions of claims is not registered.")
    made = convert(claims)
    if type(made) is not model.model:
        raise ConfigurationError(f"A conversion must return a {model.model.__name__}, not a {type(made).__name__}.")
    return made


def _kind(error: Exception) -> str:
    # Never the message of the application's own exception: it may hold what an account said.
    return error.detail.rstrip(".") if isinstance(error, SealringError) else type(error).__name__
