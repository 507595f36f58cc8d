"""The one shape of every error answer, with the challenge of RFC 6750 section 3."""

import json
import re

from sealring.errors import CallerUnknown, InsufficientScope, RefusedError, ValidationFailed

# RFC 6750 section 3: error and error_description hold only %x20-21 / %x23-5B / %x5D-7E; RFC 7230 quoted strings
# would allow more, but nothing that needs quoting is ever let in.
_UNQUOTABLE = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
# RFC 6750 section 3.1: the codes that a challenge may carry; `invalid_grant` and others belong to the body alone.
_CHALLENGE_ERRORS = frozenset({"invalid_request", "invalid_token", "insufficient_scope"})


def error_answer(error: RefusedError, request_id: str, realm: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Make the answer to a refused request.

    Args:
        error: why it is refused; its ``detail`` stays out of the answer.
        request_id: names this request in answer and log.
        realm: of the challenge, usually the application's name.

    Returns:
        Status, headers with lower-case names, and body. The body is ASCII JSON.
    """
    body: dict[str, object] = {
        "error": error.error,
        "error_description": error.message,
        "code": error.code,
        "action": str(error.action),
        "request_id": request_id,
    }
    if isinstance(error, ValidationFailed):
        body["fields"] = [{"field": name, "message": why} for name, why in error.fields]
    data = json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(data)).encode("ascii")),
        (b"cache-control", b"no-store"),
    ]
    # RFC 9110 section 15.5.2: the server generating a 401 MUST send a WWW-Authenticate field.
    if error.status == 401 or isinstance(error, InsufficientScope):
        headers.append((b"www-authenticate", challenge(error, realm)))
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(error.retry_after, 0)).encode("ascii")))
    return error.status, headers, data


def challenge(error: RefusedError, realm: str) -> bytes:
    """Return the value of ``WWW-Authenticate`` for a refused request.

    Args:
        error: why it is refused. Without a credential, so without an OAuth error, the challenge is bare (RFC 6750
            section 3.1: the resource server SHOULD NOT include an error code).
        realm: of the challenge.
    """
    # RFC 6749 section 5.2: the header matches "the authentication scheme used by the client", which a service's is.
    if isinstance(error, CallerUnknown):
        return f'Basic realm="{_quotable(realm)}"'.encode("ascii")
    attributes = [("realm", realm)]
    if error.error in _CHALLENGE_ERRORS:
        attributes += [("error", error.error), ("error_description", error.message)]
    if isinstance(error, InsufficientScope) and error.required:
        attributes.append(("scope", " ".join(error.required)))
    return ("Bearer " + ", ".join(f'{name}="{_quotable(value)}"' for name, value in attributes)).encode("ascii")


def _quotable(text: str) -> str:
    """Drop what a quoted string cannot hold as it is: a quote, a backslash, a control, anything beyond ASCII."""
    return _UNQUOTABLE.sub("", text)
