"""What the interface takes and gives, and how it cleans and bounds every field."""

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StrictBool
from typing_extensions import TypedDict

from backend.models import Priority
from backend.utils.password_rules import MAX_LENGTH, MIN_LENGTH
from backend.utils.security import clean_line, clean_password, clean_text

# The WHATWG's pattern of <input type=email>, so that the browser and the server agree; ASCII only, so that no two
# addresses look alike.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _line(value: object) -> object:
    return clean_line(value) if isinstance(value, str) else value


def _text(value: object) -> object:
    return clean_text(value) if isinstance(value, str) else value


def _password(value: object) -> object:
    if not isinstance(value, str):
        return value
    if any("\ud800" <= char <= "\udfff" for char in value):
        # JSON can write half a surrogate pair (RFC 8259 section 8.2), UTF-8 cannot, and a hash is made of UTF-8.
        raise ValueError("The text is not Unicode.")
    return clean_password(value)


def _email(value: str) -> str:
    value = value.strip().lower()
    if _EMAIL.fullmatch(value) is None:
        raise ValueError("This is not an e-mail address.")
    return value


def _iso_date(value: object) -> object:
    # pydantic would also take a number of seconds or a moment at midnight.
    written = isinstance(value, str) and _ISO_DATE.fullmatch(value) is not None
    if not written and type(value) is not date:
        raise ValueError("A date is written YYYY-MM-DD.")
    return value


def _sensible(value: date) -> date:
    if not _FIRST_DAY <= value <= _LAST_DAY:
        raise ValueError(f"A due date is from {_FIRST_DAY} to {_LAST_DAY}.")
    return value


Email = Annotated[str, Field(max_length=254, json_schema_extra={"format": "email"}), AfterValidator(_email)]
Name = Annotated[str, BeforeValidator(_line), Field(min_length=1, max_length=100)]
# NIST SP 800-63B (revision 3) section 5.1.1.2: long passwords are welcome, and no rules about kinds of characters.
NewPassword = Annotated[SecretStr, BeforeValidator(_password), Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH)]
# A password that is only compared: no rule of ours may keep an owner out, the bound keeps the work small.
GivenPassword = Annotated[SecretStr, BeforeValidator(_password), Field(min_length=1, max_length=1024)]
Title = Annotated[str, BeforeValidator(_line), Field(min_length=1, max_length=200)]
Notes = Annotated[str, BeforeValidator(_text), Field(max_length=4_000)]
IsoDate = Annotated[date, BeforeValidator(_iso_date)]
DueDate = Annotated[IsoDate, AfterValidator(_sensible)]
Search = Annotated[str, Field(max_length=200)]


class _Input(BaseModel):
    # An unknown field is an error: nobody sets what the interface does not offer (mass assignment).
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Output(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class Credentials(_Input):
    """What a user signs in with."""

    email: Email
    password: GivenPassword
    remember: StrictBool = Field(default=False, description="Stay signed in when the browser is closed.")


class AccountDraft(_Input):
    """A new account."""

    email: Email
    password: NewPassword
    name: Name


class PasswordChange(_Input):
    """A new password, and the present one as proof."""

    current_password: GivenPassword
    new_password: NewPassword


class AccountDeletion(_Input):
    """The password as proof that the owner deletes the account."""

    password: GivenPassword


class User(_Output):
    """An account, as its owner sees it."""

    id: str
    email: str
    name: str


class SessionsEnded(_Output):
    """How many other sessions were ended."""

    ended: int


class TodoDraft(_Input):
    """A new todo."""

    title: Title
    notes: Notes = ""
    due_on: DueDate | None = None
    priority: Priority = Priority.NORMAL


class TodoPatch(TypedDict, total=False):
    """Changes to a todo; what is left out stays, ``due_on: null`` removes the date."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    title: Title
    notes: Notes
    due_on: DueDate | None
    priority: Priority
    done: StrictBool


class Todo(_Output):
    """A todo; moments are ISO 8601 in UTC."""

    id: str
    title: str
    notes: str
    due_on: date | None
    priority: Priority
    done: bool
    created_at: datetime
    updated_at: datetime
    done_at: datetime | None


class Counts(_Output):
    """Counts over all of the account's todos, whatever the list was filtered by."""

    open: int
    done: int
    overdue: int = Field(description="Open, and due before today.")


class TodoPage(_Output):
    """One page of the list."""

    items: list[Todo]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last one.")
    counts: Counts


class TodosDeleted(_Output):
    """How many todos were deleted."""

    deleted: int
