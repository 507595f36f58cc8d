"""Ids that name one request in its answer and in every log line; a client's own id is never taken over."""

from collections.abc import Callable


def make_request_id(entropy: Callable[[int], bytes]) -> str:
    """Return a fresh request id: 32 hexadecimal characters.

    Args:
        entropy: returns that many random bytes, such as ``secrets.token_bytes``.
    """
    return entropy(16).hex()
