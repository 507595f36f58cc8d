"""What a ``User-Agent`` header says about its sender: a family to compare by, and a name to show.

The family is compared to tell one sender from another, so it must not change with a version, a zoomed-out "desktop
site" or an operating system update.
"""

import re

from sealring.web.printable import printable

_MAX_READ = 512
_MAX_FAMILY = 32

# Order matters: everybody claims to be Safari, and all but Firefox and Safari claim to be Chrome.
_FAMILIES = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/")),
    ("Opera", re.compile(r"\b(?:OPR|OPT|Opera)/")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/")),
    ("Chrome", re.compile(r"(?:Chrome|Chromium|CriOS)/")),
    ("Safari", re.compile(r"\bSafari/")),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
# RFC 9110 section 10.1.5: product = token ["/" product-version]
_PRODUCT = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def user_agent_family(user_agent: str) -> str:
    """Return the family of a user agent.

    Args:
        user_agent: the header's value, of any length and content.

    Returns:
        ``Edge``, ``Opera``, ``Firefox``, ``Chrome``, ``Safari``, else the first product name (at most 32 printable
        characters), ``other`` when it has none, and an empty text when the header is absent.
    """
    if not user_agent:
        return ""
    text = user_agent[:_MAX_READ]
    for family, pattern in _FAMILIES:
        if pattern.search(text):
            return family
    product = _PRODUCT.match(text)
    return product[0][:_MAX_FAMILY] if product else "other"


def device_name(user_agent: str) -> str:
    """Return what a user reads in the list of sessions, such as ``Chrome on Linux``.

    Args:
        user_agent: the header's value, of any length and content.

    Returns:
        At most 48 printable characters; ``Unknown device`` when the header is absent.
    """
    if not user_agent:
        return "Unknown device"
    family = user_agent_family(user_agent)
    text = user_agent[:_MAX_READ]
    system = next((name for mark, name in _SYSTEMS if mark in text), "")
    return printable(f"{family} on {system}" if system else family, 48)
