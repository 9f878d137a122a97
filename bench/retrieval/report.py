"""Tables of what was measured and what was simulated, apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.retrieval import bare
from bench.retrieval.figures import paired
from bench.retrieval.real import Asked, cell_figures, cells, read_cell
from bench.retrieval.simulate import (
    ARMS,
    CPU,
    GPU,
    Conditions,
    Measured,
    as_measured,
    simulate,
    without_host_cache,
)
from bench.retrieval.simulated_engine import Hardware
from bench.retrieval.workload import Workload, recorded

__all__ = ["check", "real", "simulated"]

_COLUMNS = {
    "throughput": "questions/h",
    "share": "of the bound",
    "mean_latency": "mean latency, s",
    "p95_latency": "p95, s",
    "hit_rate": "cache hits",
}


def _line(name: str, found: Mapping[str, Any], first: Mapping[str, Any], extra: str = "") -> str:
    shown = [f"{found[column]:.{2 if found[column] < 2 else 1}f}" for column in _COLUMNS]
    gain = f"{found['throughput'] / first['throughput']:.2f}x"
    wait = f"{found['mean_latency'] / first['mean_latency']:.2f}x"
    return f"| {name} | {' | '.join(shown)} | {gain} | {wait} |{extra}"


def _head(first: str, extra: str = "") -> str:
    names = [first, *_COLUMNS.values(), "throughput to fcfs", "latency to fcfs"]
    rule = "|---" * len(names) + "|" + "---|" * extra.count("|")
    return f"| {' | '.join(names)} |{extra}\n{rule}"


def real(out: Path, latencies: Sequence[float]) -> str:
    """Every complete cell of a folder. "to bare" is its throughput by that of the engine given the
    same calls by a loop; F1 differences are over the same questions, with 95 % bootstrap intervals.
    """
    asked = Asked.read(out / "config.json")
    lines = [
        f"Measured: {asked.model}, {asked.count} questions of hotpotqa_dev, {asked.agents} agents "
        f"on {asked.rates.slots} slots, seed {asked.seed}, arrivals every {asked.gap:.1f} s; alone "
        f"{asked.rates.prompt:.0f} prompt and {asked.rates.alone:.1f} output tokens/s, "
        f"{asked.rates.output:.1f} from all slots.",
        "",
        _head("arm", " to bare | F1 | to fcfs |"),
    ]
    engine = out / bare.NAME
    best = cell_figures(engine, asked)["throughput"] if engine.exists() else math.nan
    first: dict[tuple[float, int], Path] = {}
    for cell in cells(latencies):
        path = out / f"{cell.name}.json"
        if not path.exists():
            continue
        base = first.setdefault((cell.latency, cell.cache_mib), path)
        found = cell_figures(path, asked)
        ours, theirs = ([q.f1 or 0.0 for q in read_cell(one)] for one in (path, base))
        gain, low, high = paired(ours, theirs)
        share = found["throughput"] / best
        extra = f" {share:.2f} | {found['f1']:.2f} | {gain:+.2f} ({low:+.2f} to {high:+.2f}) |"
        lines.append(_line(cell.name, found, cell_figures(base, asked), extra))
    return "\n".join(lines)


def check(out: Path, measured: Measured, latencies: Sequence[float]) -> str:
    """Each cell of a folder beside the simulation of its questions on a machine of its rates."""
    asked = Asked.read(out / "config.json")
    lines = [
        "| cell | questions/h, measured | simulated | mean latency, measured | simulated "
        "| cache hits, measured | simulated |",
        "|---|---|---|---|---|---|---|",
    ]
    for cell in cells(latencies):
        path = out / f"{cell.name}.json"
        if not path.exists():
            continue
        hardware = as_measured(asked.rates, host_cache=cell.cache_mib > 0)
        conditions = Conditions(
            latency=cell.latency, agents=asked.agents, seed=asked.seed, gap=asked.gap
        )
        real = cell_figures(path, asked)
        model = simulate(recorded(path), hardware, cell.arm, conditions, measured).to_dict()
        pairs = [
            f"{real[name]:.{digits}f} | {model[name]:.{digits}f}"
            for name, digits in (("throughput", 0), ("mean_latency", 1), ("hit_rate", 2))
        ]
        lines.append(f"| {cell.name} | {' | '.join(pairs)} |")
    return "\n".join(lines)


def simulated(workload: Workload, measured: Measured, latencies: Sequence[float]) -> str:
    """The arms on both machines, and how far the figures hang on what was assumed."""
    wide = replace(GPU, name=f"{GPU.name}, 8 slots", slots=8)
    arms = [arm for arm in ARMS if measured.ahead or not arm.prefetch]
    parts = [
        f"SIMULATED, not measured. Workload: {workload.name}, {len(workload.questions)} questions. "
        f"Searches mature at rung: {dict(measured.rungs)}."
    ]

    def table(hardware: Hardware, conditions: Sequence[tuple[str, Conditions]]) -> None:
        parts.append(f"\nSimulated: {hardware.name}\n\n{_head('arm')}")
        for label, condition in conditions:
            first: dict[str, Any] = {}
            for arm in arms:
                found = simulate(workload, hardware, arm, condition, measured).to_dict()
                first = first or found
                parts.append(_line(f"{arm.name}, {label}", found, first))

    by_latency = [(f"{seconds:g} s", Conditions(latency=seconds)) for seconds in latencies]
    for hardware in (CPU, without_host_cache(CPU), GPU, wide, without_host_cache(wide)):
        table(hardware, by_latency)
    longest = max(latencies)
    crowd = [(f"{n} agents", Conditions(latency=longest, agents=n)) for n in (4, 8, 16, 32)]
    table(wide, crowd)
    remote = [
        (f"{share:.0%} on the way", Conditions(latency=longest, remote=share))
        for share in (0.0, 0.5, 0.9, 1.0)
    ]
    table(wide, remote)
    return "\n".join(parts)
