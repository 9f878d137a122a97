"""A keyring in a JSON file, named by FILE_KEYRING: PYTHON_KEYRING_BACKEND=support.file_keyring.*"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

__all__ = ["FileKeyring", "LockedKeyring"]


class FileKeyring(KeyringBackend):
    priority: Any = 1

    def get_password(self, service: str, username: str) -> str | None:
        return self._kept().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._path().write_text(json.dumps({**self._kept(), f"{service} {username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        kept = self._kept()
        del kept[f"{service} {username}"]
        self._path().write_text(json.dumps(kept))

    def _path(self) -> Path:
        return Path(os.environ["FILE_KEYRING"])

    def _kept(self) -> dict[str, str]:
        return json.loads(self._path().read_text()) if self._path().exists() else {}


class LockedKeyring(FileKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked(f"{service} is locked")
