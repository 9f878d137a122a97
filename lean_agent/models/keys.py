"""Keys of providers: from the environment, else from the system's keyring (extra ``keyring``).

In the keyring a key is kept by its variable's name, under the service ``lean-agent``.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from lean_agent._redact import keep_secret
from lean_agent.errors import ConfigurationError

__all__ = ["delete_key", "find_key", "keep_key", "kept_key"]

_SERVICE = "lean-agent"


def find_key(variable: str) -> str | None:
    """The key of that variable, wherever it is; None where there is none.

    A keyring that is locked or broken has none: what is told is that no key was found.
    """
    if given := os.environ.get(variable):
        return given
    if importlib.util.find_spec("keyring") is None:
        return None
    try:
        return kept_key(variable)
    except ConfigurationError:
        return None


def kept_key(variable: str) -> str | None:
    """The key in the keyring, whatever the environment says.

    Raises:
        ConfigurationError: the extra is missing, or the keyring cannot be asked.
    """
    with _asked() as keyring:
        key: str | None = keyring.get_password(_SERVICE, variable)
    if key:
        keep_secret(key)
    return key or None


def keep_key(variable: str, key: str) -> str:
    """Put the key into the keyring; what keeps it, as it calls itself.

    Raises:
        ConfigurationError: the extra is missing, or the keyring does not take it.
    """
    keep_secret(key)
    with _asked() as keyring:
        keyring.set_password(_SERVICE, variable, key)
        name = str(keyring.name)
    if kept_key(variable) != key:  # a keyring may be one that keeps nothing
        raise _refused(f"{name} did not keep it")
    return name


def delete_key(variable: str) -> bool:
    """Take the key out of the keyring; False where there was none.

    Raises:
        ConfigurationError: the extra is missing, or the keyring cannot be asked.
    """
    if kept_key(variable) is None:
        return False
    with _asked() as keyring:
        keyring.delete_password(_SERVICE, variable)
    return True


@contextmanager
def _asked() -> Generator[Any]:
    """The system's keyring. Each kind has errors of its own, and all of them mean the same here."""
    try:
        import keyring
        from keyring.errors import NoKeyringError
    except ImportError:
        raise ConfigurationError(
            "a keyring needs the extra keyring", hint="pip install 'lean-agent[keyring]'"
        ) from None
    try:
        yield keyring.get_keyring()
    except NoKeyringError:
        raise _refused("this system has none") from None
    except Exception as error:
        raise _refused(str(error).partition("\n")[0] or type(error).__name__) from error


def _refused(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the keyring cannot be used: {why}", hint="set the key's variable, as in OPENAI_API_KEY"
    )
