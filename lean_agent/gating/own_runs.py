"""What a user's own runs teach: judged by a scorer, a check or the user. Spec: gating, step 4."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from lean_agent.gating.profile import Profile, Tally
from lean_agent.gating.task_kinds import SMALL_TALK

__all__ = ["JudgedRun", "learned_from"]


class JudgedRun(Protocol):
    """A run of the profile's model, and whether it did; ``cost`` is in token units."""

    @property
    def way(self) -> str: ...

    @property
    def kinds(self) -> tuple[str, ...]: ...

    @property
    def cost(self) -> float: ...


def learned_from(
    profile: Profile, runs: Iterable[tuple[JudgedRun, bool]], *, source: str
) -> Profile:
    """The profile with these runs counted in; each weighs what an attempt of a calibration does.

    Ways that the profile knows no threshold of are left out, and what a rule is certain about.
    Weights are dropped: they know nothing of these runs, and would outvote them.
    """
    tallies = {kind: dict(ways) for kind, ways in profile.tallies.items()}
    for run, passed in runs:
        certain = run.way == "plan" or any(kind.endswith(SMALL_TALK) for kind in run.kinds)
        if certain or (">" in run.way and run.way not in profile.sure):
            continue
        for kind in run.kinds:
            ways = tallies.setdefault(kind, {})
            ways[run.way] = ways.get(run.way, Tally(0, 0.0, 0.0)) + Tally(1, passed, run.cost)
    told = f"{profile.source}; {source}" if profile.source else source
    return replace(profile, tallies=tallies, source=told, weights={})
