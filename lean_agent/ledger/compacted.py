"""Compacted files: Parquet, written once, each with the names of the files that it replaces.

The name ends with a checksum, so that a damaged file is noticed and nothing in it believed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from lean_agent.ledger.migrations import upgraded
from lean_agent.ledger.segments import NO_HEADER, version_problem

if TYPE_CHECKING:
    import duckdb

__all__ = ["Compacted", "compacted_dir", "compacted_rows", "digest", "inspect_compacted", "quoted"]

_DIGEST_LENGTH: Final = 16
"""Hex digits of a compacted file's SHA-256 at the end of its name."""


class Compacted(NamedTuple):
    """A compacted file that can be read, and the names of the files whose rows it holds."""

    path: Path
    version: int
    replaces: frozenset[str]

    @property
    def digest(self) -> str:
        return self.path.stem[-_DIGEST_LENGTH:]


def compacted_dir(folder: Path) -> Path:
    """Where the compacted files of the ledger in ``folder`` are."""
    return folder / "compacted"


def digest(path: Path) -> str:
    """What the name of the compacted file at ``path`` ends with."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGEST_LENGTH]


def inspect_compacted(connection: duckdb.DuckDBPyConnection, path: Path) -> Compacted | str:
    """The compacted file, or why it cannot be read; "" where it was replaced meanwhile.

    Nothing that a damaged file says is believed.
    """
    import duckdb

    try:
        if not path.stem.endswith(digest(path)):
            return "damaged, its checksum does not fit its name"
        found = connection.execute(
            "SELECT decode(key), decode(value) FROM parquet_kv_metadata($path)", {"path": str(path)}
        ).fetchall()
        said = dict(found)
        version, replaces = int(said["schema_version"]), frozenset(json.loads(said["replaces"]))
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except (duckdb.Error, KeyError, ValueError, TypeError):
        return NO_HEADER
    return version_problem(version) or Compacted(path, version, replaces)


def compacted_rows(files: Iterable[Compacted]) -> str:
    """A relation of all rows of ``files``, with the column ``segment``: where each came from."""
    by_version = groupby(sorted(files, key=lambda file: file.version), lambda file: file.version)
    parts: list[str] = []
    for version, group in by_version:
        paths = ", ".join(quoted(str(file.path)) for file in group)
        parts.append(upgraded(f"parquet_scan([{paths}])", version))
    return f"({' UNION ALL BY NAME '.join(parts)})"


def quoted(text: str) -> str:
    """A string in SQL, where DuckDB takes no parameter."""
    return "'" + text.replace("'", "''") + "'"
