"""Where things are kept: the XDG folders (or the platform's own), overridden by variables."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import PlatformDirs

__all__ = [
    "cache_dir",
    "config_dir",
    "domains_dir",
    "ledger_dir",
    "memory_dir",
    "planners_dir",
    "state_dir",
    "trajectories_file",
]

_DIRS = PlatformDirs("lean-agent", appauthor=False)


def cache_dir() -> Path:
    """Downloaded weights and indexes; safe to delete."""
    return Path(_DIRS.user_cache_dir)


def config_dir() -> Path:
    """prices.toml and other things the user writes."""
    return Path(_DIRS.user_config_dir)


def state_dir() -> Path:
    """Checkpoints, probed action formats, locks of the engine."""
    return Path(_DIRS.user_state_dir)


def ledger_dir() -> Path:
    """LEAN_AGENT_LEDGER_DIR, or ``ledger`` in the platform's data folder."""
    override = os.environ.get("LEAN_AGENT_LEDGER_DIR")
    return Path(override) if override else Path(_DIRS.user_data_dir) / "ledger"


def domains_dir() -> Path:
    """Planning domains of the user's own, a file each."""
    return Path(_DIRS.user_data_dir) / "domains"


def planners_dir() -> Path:
    """Planners that a model has written and that passed their domain's tests."""
    return Path(_DIRS.user_data_dir) / "planners"


def trajectories_file() -> Path:
    """What runs did that were to be recorded, one a line."""
    return Path(_DIRS.user_data_dir) / "trajectories.jsonl"


def memory_dir() -> Path:
    """What is remembered of earlier runs, and its index."""
    return Path(_DIRS.user_data_dir) / "memory"
