"""The application's interface under ``/api``: thin routes over :mod:`backend.accounts` and :mod:`backend.todos`."""

from typing import Any

from sealring.web.models import ErrorBody

# What every route may answer instead: the one error shape of the contract.
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "Refused."},
    "5XX": {"model": ErrorBody, "description": "Try again."},
}
