"""``python -m sealring.cli`` is the command ``sealring``."""

from sealring.cli.main import main

main()
