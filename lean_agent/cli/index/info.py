"""``lean-agent index info``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.index.opening import opened_index
from lean_agent.cli.streams import emit
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import size

__all__ = ["info"]

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder of documents, or that of its index.")
]


def info(source: Folder = Path(), json_: opt.Json = False) -> None:
    """Show what an index holds and what was left out. DIR is the current folder unless given."""
    index = opened_index(source)
    manifest = index.manifest
    skipped = [(file.path, file.skipped) for file in index.files() if file.skipped]
    about: dict[str, Any] = {
        "folder": str(index.folder),
        "source": manifest.source,
        "built": _time(manifest.built_ns),
        "files": manifest.files,
        "passages": manifest.passages,
        "bytes": index.bytes_on_disk(),
        "embedder": manifest.embedder or None,
        "dimensions": manifest.dimensions or None,
        "vector_search": None,
        "calibration": None,
        "format_version": manifest.format_version,
    }
    if manifest.embedder:
        about["vector_search"] = "graph" if manifest.calibration else "exact"
        about["calibration"] = manifest.calibration and manifest.calibration.to_dict()
    if json_:
        print_json({**about, "skipped": [{"path": p, "reason": r} for p, r in skipped]})
        return
    about["bytes"] = size(about["bytes"])
    about["embedder"] = about["embedder"] or "none: words alone (BM25)"
    if found := manifest.calibration:
        about["calibration"] = (
            f"efSearch {found.ef_search} for a recall@10 of {found.target:g}: {found.chosen:.3f}"
            f" where it was chosen, {found.verified:.3f} on other queries ({found.queries:,}"
            f" passages held out, seed {found.seed})"
        )
    place = about.pop("folder")
    rows = [(name.replace("_", " "), value) for name, value in about.items() if value is not None]
    print_table(("INDEX", place), rows)
    if skipped:
        emit("\n")
        print_table(("LEFT OUT", "WHY"), skipped)


def _time(nanoseconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).isoformat()
