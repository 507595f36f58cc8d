"""Writes the application's interface as OpenAPI: ``python -m backend.openapi > spec/openapi.json``.

``--check`` compares with the file instead and fails when they differ. Neither secrets nor a database are needed.
"""

import base64
import json
import secrets
import sys
from collections.abc import Sequence

from pydantic import SecretStr

from backend.auth.config import APP
from backend.main import create_app
from backend.settings import REPOSITORY, TodoSettings
from sealring.settings import Environment, SealringSettings

DOCUMENT = REPOSITORY / "spec" / "openapi.json"


def document() -> str:
    """Return the OpenAPI document as deterministic JSON: sorted names, two spaces, a line break at the end."""
    # Never used: this application only describes itself.
    throwaway = [SecretStr("1:" + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()) for _ in range(2)]
    tokens = SealringSettings.model_validate(
        {
            "environment": Environment.DEVELOPMENT,
            "app": APP,
            "issuer": "http://localhost:8000",
            "store": "memory:",
            "key_encryption_keys": throwaway[0],
            "refresh_keys": throwaway[1],
            "insecure_cookies": False,
        }
    )
    described = create_app(TodoSettings(), tokens=tokens).openapi()
    return json.dumps(described, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the document, or compare it.

    Args:
        arguments: empty, or ``--check``.

    Returns:
        0, or 1 when the file differs.
    """
    text = document()
    if "--check" not in arguments:
        sys.stdout.write(text)
        return 0
    if DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write("spec/openapi.json differs from the application: run 'make generate' and commit the result.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
