"""Text from outside, made fit for a log line, an event or a list that people read."""


def printable(text: str, limit: int = 200) -> str:
    """Return printable ASCII only, cut to a length, so that no line break or escape sequence gets through.

    Args:
        text: anything that a client sent.
        limit: the most characters that come back, from 1; default 200.

    Returns:
        The text, with a ``?`` for every character outside U+0020 to U+007E.
    """
    cut = text[:limit]
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(character if " " <= character <= "~" else "?" for character in cut)
