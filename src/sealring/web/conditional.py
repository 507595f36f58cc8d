"""Conditional requests (RFC 9110 section 13): a document that its reader already has is not sent again."""

import base64
import hashlib
from typing import Final

_TAG_BYTES: Final = 15


def entity_tag(body: bytes) -> str:
    """Return the strong entity tag of a body, quotes included (RFC 9110 section 8.8.3)."""
    return f'"{base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:_TAG_BYTES]).decode("ascii")}"'


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Tell whether ``If-None-Match`` names a tag, so that the answer is 304.

    Args:
        if_none_match: the header as it came, or None.
        tag: of the present body, without a comma in it.
    """
    if if_none_match is None:
        return False
    # RFC 9110 section 13.1.2: "A recipient MUST use the weak comparison function when comparing entity tags for
    # If-None-Match"; "*" matches whatever exists.
    known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return tag in known or "*" in known
