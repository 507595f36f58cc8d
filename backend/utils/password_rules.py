"""Which new passwords are refused: the ones that everybody tries first, and the account's own name."""

import string
import unicodedata
from pathlib import Path

MIN_LENGTH = 12
MAX_LENGTH = 128

_HERE = Path(__file__).parent
_AROUND = string.digits + string.punctuation + " "
_SHORTEST_WORD = 3
_FEW_CHARACTERS = 2

_COMMON = "This password is one of the first that anybody would try. Choose another."
_OWN = "The password is too close to your name or e-mail address. Choose another."


class PasswordRules:
    """Objects to new passwords; there are no rules about kinds of characters.

    NIST SP 800-63B (revision 3) section 5.1.1.2: "verifiers SHALL compare the prospective secrets against a list that
    contains values known to be commonly-used, expected, or compromised." At twelve characters and more these are a few
    words, repeated or with digits and signs around them (``common_words.txt``), and walks over the keyboard
    (``common_passwords.txt``).
    """

    def __init__(self) -> None:
        self._words = frozenset((_HERE / "common_words.txt").read_text(encoding="utf-8").split())
        self._walks = frozenset((_HERE / "common_passwords.txt").read_text(encoding="utf-8").split())

    def objection(self, password: str, *, email: str, name: str) -> str | None:
        """Say why a new password is refused.

        Args:
            password: cleaned, of allowed length.
            email: of the account, in lower case.
            name: of the account.

        Returns:
            A sentence for the user, or None when there is no objection.
        """
        if any(unicodedata.category(char) == "Cc" for char in password):
            return "A password cannot contain control characters."
        folded = password.casefold()
        # Digits and signs may stand for letters of a known word ("p@ssw0rd"), so not all of them are always taken off.
        cores = {folded, folded.strip(_AROUND), folded.strip(string.digits), folded.rstrip(_AROUND)}
        if folded in self._walks or len(set(folded)) <= _FEW_CHARACTERS or any(map(self._repeats_a_word, cores)):
            return _COMMON
        if cores & {email, email.partition("@")[0], name.casefold()}:
            return _OWN
        return None

    def _repeats_a_word(self, core: str) -> bool:
        sizes = range(_SHORTEST_WORD, len(core) + 1)
        return any(core[:size] in self._words and core == core[:size] * (len(core) // size) for size in sizes)
