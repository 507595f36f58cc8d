"""The command ``sealring``: first secrets, keys, sessions, tokens, purge."""

from sealring.cli.main import main

__all__ = ["main"]
