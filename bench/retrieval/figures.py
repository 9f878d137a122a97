"""Throughput, latency, hit rate, and the throughput that no schedule can beat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["Answered", "Called", "Figures", "Rates", "bound", "figures", "paired"]

_CHUNK = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A model call: tokens, and seconds since the first question came."""

    began: float
    ended: float
    input: int
    cached: int
    output: int
    queue: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A question: when it came and was answered, in seconds since the first came."""

    came: float
    ended: float
    calls: Sequence[Called]
    f1: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """``throughput`` and its ``bound`` in questions an hour, latencies in seconds; ``share`` of the
    bound. ``hit_rate`` is cached prompt tokens over all.
    """

    questions: int
    throughput: float
    bound: float
    share: float
    mean_latency: float
    p95_latency: float
    hit_rate: float
    searches_per_question: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What the engine does at its best, in tokens a second: ``output`` by all slots together,
    ``alone`` by one.
    """

    prompt: float
    output: float
    alone: float
    slots: int


def bound(answered: Sequence[Answered], rates: Rates) -> float:
    """Questions an hour that no schedule can beat, from the work that there was.

    A question's work is the seconds that the engine needs for it with all slots busy, and of a
    prompt only what its run had not sent before counts. While it takes in a part of a prompt the
    other slots write a token each for nothing. Let all of a question's work be there when it comes,
    searches take no time, and the engine never be idle while there is work: then the last is done
    no sooner than the work of those that came from any moment on takes from that moment on. Nor is
    a question answered sooner than it would be alone.
    """
    work: list[tuple[float, float]] = []
    alone: list[float] = []
    for question in answered:
        known = min((call.cached for call in question.calls[:1]), default=0)
        shared = single = 0.0
        for call in question.calls:
            new = max(0, call.input - known)
            beside = (rates.slots - 1) * math.ceil(new / _CHUNK)
            shared += new / rates.prompt + max(0, call.output - beside) / rates.output
            single += new / rates.prompt + call.output / rates.alone
            known = max(known, call.input + call.output)
        work.append((question.came, shared))
        alone.append(question.came + single)
    work.sort()
    together = [came + sum(seconds for _, seconds in work[i:]) for i, (came, _) in enumerate(work)]
    return 3600 * len(work) / (max(together + alone) - work[0][0])


def figures(answered: Sequence[Answered], rates: Rates) -> Figures:
    latencies = np.array([question.ended - question.came for question in answered])
    calls = [call for question in answered for call in question.calls]
    span = max(q.ended for q in answered) - min(q.came for q in answered)
    throughput = 3600 * len(answered) / span
    best = bound(answered, rates)
    return Figures(
        questions=len(answered),
        throughput=throughput,
        bound=best,
        share=throughput / best,
        mean_latency=float(latencies.mean()),
        p95_latency=float(np.percentile(latencies, 95)),
        hit_rate=sum(call.cached for call in calls) / max(1, sum(call.input for call in calls)),
        searches_per_question=(len(calls) - len(answered)) / len(answered),
    )


def paired(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """The mean difference over the same questions, and its 95 % bootstrap interval."""
    differences = np.array(ours) - np.array(theirs)
    if not len(differences):
        return math.nan, math.nan, math.nan
    chance = np.random.default_rng(0)
    means = chance.choice(differences, (10_000, len(differences))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(differences.mean()), float(low), float(high)
