"""Writes .env with fresh secrets for docker-compose.yaml; never over one that is there."""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

PASSWORDS = ("ADMIN", "POSTGRES", "REDIS", "MYSQL", "MYSQL_UPKEEP")
HEAD = """\
# Secrets of this installation. Keep them where you keep secrets. A value of yours goes between single quotes.
"""


def lines() -> list[str]:
    """A line for each secret."""
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    made = {"FORESIGHT_FERNET_KEY": fernet}
    made |= {f"FORESIGHT_{name}_SECRET": secrets.token_hex(32) for name in ("API", "JWT")}
    made |= {f"FORESIGHT_{name}_PASSWORD": secrets.token_urlsafe(24) for name in PASSWORDS}
    return [f"{name}='{value}'" for name, value in made.items()]


def main() -> None:
    """Writes the file, readable by its owner alone."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".env")
    try:
        number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.exit(f"{target} is there already, with secrets in use: move it away first")
    with os.fdopen(number, "w") as file:
        file.write(HEAD + "\n".join(lines()) + "\n")
    sys.stdout.write(f"{target} has fresh secrets; the UI's user is admin\n")


if __name__ == "__main__":
    main()
