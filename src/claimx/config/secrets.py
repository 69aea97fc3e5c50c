"""Secrets that change while the process runs."""

from pathlib import Path

from claimx.config.tree import Secret

_FILE = "file "


def reread(secret: Secret) -> str:
    """Read a secret again where it came from a file; what else it came from cannot change while we run.

    A file that cannot be read now leaves the secret as it was: the next refusal asks again.
    """
    if not secret.source.startswith(_FILE):
        return secret.reveal()
    try:
        text = Path(secret.source.removeprefix(_FILE)).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        return secret.reveal()
    return text or secret.reveal()
