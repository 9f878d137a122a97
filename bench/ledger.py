"""What the ledger costs: to append an entry, to compact many, to sum them up, and in memory.

Appending is compared, in turn round by round, with what anyone would write by hand: ``json.dumps``
of the same row, ``write`` and ``flush`` to an open file; and with DuckDB's ``INSERT`` of that row
into a DuckDB file: each in a transaction of its own, as an entry is acknowledged, and all in one.

The large ledger has one closed row an entry, ten entries a run. Whatever is done with it is done in
a process of its own: its seconds count from before DuckDB is imported, its memory is the kernel's
VmRSS and VmHWM (peak). Figures are medians. It ends with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from lean_agent.ledger import compaction, queries
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.ledger.migrations import columns
from lean_agent.usage import Usage

ROUNDS = 7
COUNT = 5_000
SLOW_COUNT = 200
"""Appends of a round, for what waits for the disk or takes long."""

REPEATS = 5
APPEND_US = 100.0
"""An entry is appended in less, in microseconds."""

SUM_SECONDS = 1.0
"""A million compacted entries are summed by model and by day in less."""

START = 1_767_225_600.0  # 2026-01-01
SPAN = 90 * 86_400.0


def entry(number: int, entries: int, chance: random.Random) -> Entry:
    cost = chance.randrange(10**6) * Decimal("0.0000001")
    return Entry(
        run_id=f"{number // 10:032x}",
        operation="chat",
        purpose="act" if number % 10 else "answer",
        usage=Usage(
            input_tokens=1_024 + chance.randrange(10_000),
            output_tokens=chance.randrange(500),
            cache_read_input_tokens=1_024,
            cost=cost,
            provenance=frozenset({"measured"}),
        ),
        list_cost=cost,
        ts=START + SPAN * number / entries,
        step=number % 10,
        mode="agent",
        provider="openai",
        model=f"model-{number % 5}",
        price_ref="genai-prices 2026-01-01",
        finish_reason="stop",
        seconds=chance.uniform(0, 5),
        prompt_seconds=chance.uniform(0, 1),
        output_seconds=chance.uniform(0, 4),
    )


def verdict(value: float, target: float) -> str:
    return f"(target below {target:g}) {'ok' if value < target else 'TOO SLOW'}"


def appends(folder: Path) -> bool:
    """Print what appending costs; whether the ledger's own, as it is set, is within its target."""
    import duckdb

    plain = (folder / "plain.jsonl").open("w")
    tables = [duckdb.connect(str(folder / name)) for name in ("each.duckdb", "all.duckdb")]
    for table in tables:
        table.execute(f"CREATE TABLE t ({', '.join(f'{n} {t}' for n, t in columns().items())})")
    insert = f"INSERT INTO t VALUES ({', '.join('?' for _ in columns())})"
    each, all_in_one = tables
    ledgers = {
        "Ledger.append": (Ledger(folder / "never", fsync="never"), COUNT),
        "Ledger.append, fsync interval": (Ledger(folder / "interval", fsync="interval"), COUNT),
        "Ledger.append, fsync always": (Ledger(folder / "always", fsync="always"), SLOW_COUNT),
    }

    def by_hand(entry: Entry) -> None:
        plain.write(json.dumps(entry.to_row()) + "\n")
        plain.flush()

    def row(entry: Entry) -> list[Any]:
        found = entry.to_row()
        return [found[name] for name in columns()]

    ways: dict[str, tuple[Callable[[Entry], object], int]] = {
        "plain write and flush": (by_hand, COUNT),
        **{name: (ledger.append, count) for name, (ledger, count) in ledgers.items()},
        "DuckDB INSERT, each committed": (lambda e: each.execute(insert, row(e)), SLOW_COUNT),
        "DuckDB INSERT, one commit": (lambda e: all_in_one.execute(insert, row(e)), SLOW_COUNT),
    }
    chance = random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        all_in_one.begin()
        for name, (append, count) in ways.items():
            made = [entry(number, count, chance) for number in range(count)]
            start = time.perf_counter()
            for one in made:
                append(one)
            times[name].append((time.perf_counter() - start) / count * 1e6)
        all_in_one.commit()
    for closing in (plain, *tables, *(ledger for ledger, _ in ledgers.values())):
        closing.close()

    baseline = statistics.median(times["plain write and flush"])
    for name, rounds in times.items():
        middle = statistics.median(rounds)
        told = verdict(middle, APPEND_US) if name == "Ledger.append" else ""
        print(f"{name:30} {middle:8.1f} µs an entry {middle / baseline:7.2f} x plain {told}")
    return statistics.median(times["Ledger.append"]) < APPEND_US


def memory(field: str) -> float:
    """VmRSS or VmHWM of this process in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


# Each of these runs in a process of its own and prints what it found.


def write(folder: Path, entries: int) -> dict[str, float]:
    ledger, chance = Ledger(folder), random.Random(0)
    found = {"early": 0.0}
    for number in range(entries):
        ledger.append(entry(number, entries, chance))
        if number + 1 == 10_000:
            found["early"] = memory("VmRSS")
    return found | {"late": memory("VmRSS")}


def compact(folder: Path, _: int) -> dict[str, float]:
    done = compaction.compact(folder)
    return {"before": done.bytes_before, "after": done.bytes_after, "entries": done.entries}


def by_model(folder: Path, entries: int) -> dict[str, float]:
    assert sum(row["calls"] for row in queries.summary(folder, by="model")) == entries
    return {}


def by_day(folder: Path, entries: int) -> dict[str, float]:
    assert sum(row["calls"] for row in queries.summary(folder, by="day")) == entries
    return {}


def by_run(folder: Path, entries: int) -> dict[str, float]:
    assert sum(row["calls"] for row in queries.summary(folder, by="run")) == entries
    return {}


def newest_runs(folder: Path, _: int) -> dict[str, float]:
    assert len(queries.runs(folder)) == 20
    return {}


STEPS = {step.__name__: step for step in (write, compact, by_model, by_day, by_run, newest_runs)}


def in_own_process(step: Callable[..., object], folder: Path, entries: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--entries", str(entries), "--step", step.__name__, str(folder)],
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def sums(folder: Path, entries: int, repeats: int, *, targets: bool) -> bool:
    """Print what sums cost; with ``targets``, whether they are within them."""
    passed = True
    for step in (by_model, by_day, by_run, newest_runs):
        found = [in_own_process(step, folder, entries) for _ in range(repeats)]
        seconds = statistics.median(each["seconds"] for each in found)
        peak = statistics.median(each["peak"] for each in found)
        told = ""
        if targets and step in (by_model, by_day):
            told = verdict(seconds, SUM_SECONDS)
            passed = passed and seconds < SUM_SECONDS
        print(f"  {step.__name__:12} {seconds:6.2f} s, peak {peak:4.0f} MB {told}")
    return passed


def large(folder: Path, entries: int) -> bool:
    written = in_own_process(write, folder, entries)
    print(f"{entries:,} entries written by one process in {written['seconds']:.0f} s")
    print(
        f"its memory: {written['early']:.1f} MB after 10,000, {written['late']:.1f} MB at the end"
    )
    print("summed before compaction:")
    sums(folder, entries, 3, targets=False)
    done = in_own_process(compact, folder, entries)
    print(
        f"compacted in {done['seconds']:.1f} s, peak {done['peak']:.0f} MB: "
        f"{done['before'] / 1e6:.0f} MB became {done['after'] / 1e6:.0f} MB"
    )
    print("summed once compacted:")
    return sums(folder, entries, REPEATS, targets=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the large ledger")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("folder", nargs="?", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        start = time.perf_counter()
        found = STEPS[asked.step](asked.folder, asked.entries)
        seconds = time.perf_counter() - start
        print(json.dumps({**found, "seconds": seconds, "peak": memory("VmHWM")}))
        return 0
    duckdb = importlib.metadata.version("duckdb")
    print(f"Python {platform.python_version()}, DuckDB {duckdb}, {os.cpu_count()} cores")
    print(f"{ROUNDS} rounds of {COUNT:,} appends ({SLOW_COUNT} where they are slow):")
    with tempfile.TemporaryDirectory() as name:
        quick = appends(Path(name))
    with tempfile.TemporaryDirectory() as name:
        summed = large(Path(name), asked.entries)
    return 0 if quick and summed else 1


if __name__ == "__main__":
    sys.exit(main())
