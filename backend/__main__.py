"""``python -m backend``: run the Todo application."""

import argparse
import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Read the command line and run; the exit status is returned.

    Args:
        arguments: ``--host`` (default ``$HOST``, then 127.0.0.1) and ``--port`` (default ``$PORT``, then 8000).
    """
    parser = argparse.ArgumentParser(prog="python -m backend", description="Run the Todo application.")
    parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"), help="address to listen on")
    parser.add_argument("--port", type=_port, default=os.environ.get("PORT", "8000"), help="port, 0 to 65535")
    chosen = parser.parse_args(arguments)

    # Here, because `--help` and a wrong port need not load the application.
    from backend.serve import run

    return run(chosen.host, chosen.port)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: write a number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
