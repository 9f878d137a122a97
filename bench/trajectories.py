"""How fast trajectories are filtered, and in how much memory: a million steps, each in a process.

    python bench/trajectories.py [--steps N] [--rounds N]

The baseline is ``json.loads`` of each line of the same file. A step has a thought of 80 characters
and an observation of 400. Seconds are medians of rounds in turn, from before the file is opened;
those of the processor are told, too, since others may take the machine from it. Memory is the
kernel's VmHWM, the peak. It ends with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from lean_agent.trajectory.files import read_trajectories, write_trajectories
from lean_agent.trajectory.filtering import Filter, filter_file
from lean_agent.trajectory.record import Source, Step, Trajectory, Usage
from lean_agent.trajectory.stats import summed

ROUNDS = 5
STEPS_A_SECOND = 50_000
MEMORY_MB = 500
WORDS = [f"word{number:04}" for number in range(2_000)]


def invented(steps: int) -> Iterator[Trajectory]:
    """Trajectories with so many steps together; the same every time."""
    chance = random.Random(0)
    made = number = 0
    while made < steps:
        turns = min(chance.randrange(2, 16), steps - made)
        made += turns
        number += 1
        parts = [
            Step(
                turn=turn,
                action="search",
                arguments={"query": " ".join(chance.choices(WORDS, k=3))},
                thought=" ".join(chance.choices(WORDS, k=9)),
                observation=" ".join(chance.choices(WORDS, k=44)),
                usage=Usage(
                    input_tokens=200 * turn, output_tokens=40, cost=Decimal("0.0004"), seconds=1.5
                ),
            )
            for turn in range(turns)
        ]
        passed = chance.random() < 0.6
        yield Trajectory(
            id=f"{number:07}",
            task_id=str(number),
            question=" ".join(chance.choices(WORDS, k=12)),
            answers=[chance.choice(WORDS)],
            steps=parts,
            reward=float(passed),
            passed=passed,
            entities_required=12,
            entities_found=chance.randrange(13),
            usage=Usage.total(part.usage for part in parts),
            source=Source(format="bench"),
        )


def loads(path: Path) -> int:
    with path.open("rb") as file:
        return sum(len(json.loads(line)["steps"]) for line in file)


def read(path: Path) -> int:
    return sum(len(found.steps) for found in read_trajectories(path))


def filtered(path: Path) -> int:
    return filter_file(path, path.with_name("kept.jsonl"), Filter()).steps


def stats(path: Path) -> int:
    return summed(read_trajectories(path)).steps


def wasted(path: Path) -> int:
    return summed(read_trajectories(path), waste=True).steps


WAYS = {way.__name__: way for way in (loads, read, filtered, stats, wasted)}
TARGETED = ("filtered", "stats")


def peak() -> float:
    """VmHWM of this process in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def in_own_process(way: str, path: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--way", way, str(path)], stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def measured(path: Path, steps: int, rounds: int) -> bool:
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, results in found.items():
            results.append(in_own_process(way, path))
    passed = True
    for way, results in found.items():
        assert {result["steps"] for result in results} == {steps}
        seconds = statistics.median(result["seconds"] for result in results)
        busy = statistics.median(result["processor"] for result in results)
        memory = max(result["peak"] for result in results)
        verdict = ""
        if way in TARGETED:
            ok = steps / seconds > STEPS_A_SECOND and memory < MEMORY_MB
            passed = passed and ok
            verdict = f"(targets {STEPS_A_SECOND:,} a second, {MEMORY_MB} MB) "
            verdict += "ok" if ok else "MISSED"
        print(
            f"{way:9} {seconds:6.1f} s {steps / seconds:10,.0f} steps/s "
            f"({steps / busy:,.0f} a processor second) {memory:5.0f} MB {verdict}"
        )
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("path", nargs="?", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        start, busy = time.perf_counter(), time.process_time()
        steps = WAYS[asked.way](asked.path)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        told = {"steps": steps, "seconds": seconds, "processor": busy, "peak": peak()}
        print(json.dumps(told))
        return 0
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.jsonl"
        count = write_trajectories(path, invented(asked.steps))
        size = path.stat().st_size / 1e6
        print(f"{asked.steps:,} steps in {count:,} trajectories, {size:,.0f} MB")
        return 0 if measured(path, asked.steps, asked.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
