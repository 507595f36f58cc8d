"""The command that lets another service in."""

from typing import Annotated

import typer

from sealring.oauth.callers import Callers, digest_of_secret, make_caller_secret


def caller(name: Annotated[str, typer.Argument(help="What the service is called: letters, digits, . _ ~ -")]) -> None:
    """Make the secret with which another service follows this one's feed; the secret is shown once and kept nowhere."""
    secret = make_caller_secret()
    digest = digest_of_secret(secret)
    Callers([(name, digest)])
    typer.echo(f"secret of {name}: {secret}")
    typer.echo(f"add to SEALRING_CALLERS here: {name}:{digest}")
