"""Where runs are kept until they are complete: a file of the user's own, or what he names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from lean_agent._paths import state_dir

__all__ = ["place_of", "without_secrets"]


def place_of(given: str | None) -> Path | str:
    """The file or URL of ``--checkpoints``, or the command line's own file.

    Raises:
        ConfigurationError: it is the URL of something else.
    """
    from lean_agent.arguments import checked_checkpoints

    return checked_checkpoints(given or None) or state_dir() / "checkpoints.sqlite"


def without_secrets(given: str | None) -> str | None:
    """What may be written down of it, for a later process: a URL without its password (which
    libpq finds in PGPASSWORD or its password file then), a file's whole path.
    """
    if given is None or "://" not in given:
        return str(Path(given).absolute()) if given else None
    parts = urlsplit(given)
    login, at, host = parts.netloc.rpartition("@")
    query = urlencode([pair for pair in parse_qsl(parts.query) if pair[0] != "password"])
    user = login.partition(":")[0]
    return f"{parts.scheme}://{user}{at}{host}{parts.path}{query and '?'}{query}"
