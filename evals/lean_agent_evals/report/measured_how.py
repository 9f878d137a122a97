"""How it was measured: what a reader must know to repeat or to doubt it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lean_agent_evals.bootstrap import RESAMPLES
from lean_agent_evals.report.text import fit

__all__ = ["HOW", "settings"]

HOW: Final = (
    "A figure is the mean over the tasks that have an attempt that counts in every arm; the "
    "attempts at a task are averaged first. Percentiles are over attempts.",
    f"Intervals hold the middle 95% of {RESAMPLES:,} paired bootstrap resamples of the tasks: the "
    "same draw serves every arm. Where every task passed, or none, the interval of the pass rate "
    "is the exact binomial one, and those of the cost of a pass and of the failure-priced cost "
    "follow from its ends; no other figure allows for it.",
    "The cost of a pass is the mean cost over the pass rate, infinite where nothing passed. Alone "
    "it rewards cheap guessing, so read it beside the pass rate.",
    "An arm dominates another if it passes as much, costs no more, and is better in one. Its "
    "probability is the share of the resamples in which it does.",
    "Token units are uncached input tokens + 0.1 x cached ones + 4 x output tokens.",
    "Attempts that an infrastructure failure ended say nothing about an arm and are in no figure. "
    "A judge's cost is in no other figure.",
)


def settings(config: Mapping[str, Any]) -> tuple[str, str]:
    """What was run, by its suite's name; and on what, in a line."""
    kind, colon, path = str(config.get("suite") or "an unnamed suite").partition(":")
    # Where it lies on one machine says nothing on another.
    suite = fit(f"{kind}:{Path(path).name}" if colon and path else Path(kind).name)
    known = [
        f"{name} {fit(config[name])}"
        for name in ("split", "model", "seed")
        if config.get(name) is not None
    ]
    return suite, ", ".join(known)
