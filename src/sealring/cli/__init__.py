"""The command ``sealring``: first secrets, keys, sessions, purge."""

from sealring.cli.main import main

__all__ = ["main"]
