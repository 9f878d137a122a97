"""A run that is killed at any moment goes on: nothing is done twice, nothing is paid for twice."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from support.killed_runs import EXPECTED, KilledRun
from support.postgres_server import PostgresServer

from lean_agent.ledger import queries

STEPS = 10


def judge(run: KilledRun) -> Counter[str]:
    """Check a run that is through; says what became of its side effects."""
    if not run.sent:  # killed before its first checkpoint: there is nothing to go on with
        assert "to resume" in run.result["refused"]
        assert not run.effects
        return Counter(runs=1, kills=run.kills)
    rows = queries.show(run.folder / "ledger", run.run_id)
    calls = [row for row in rows if row["operation"] == "chat"]
    answered = [row for row in calls if row["state"] == "closed"]
    cut_off = [row for row in calls if row["state"] == "open"]

    # No call that was answered is made again, and a kill cuts off one at most.
    steps = [row["step"] for row in answered]
    assert len(steps) == len(set(steps))
    assert len(cut_off) <= run.kills
    assert STEPS <= len(run.sent) <= len(calls)
    assert set(run.prompt_tokens) == set(range(STEPS))

    # The ledger has what the server has counted, and the run's total is the ledger's.
    for row in answered:
        assert row["input_tokens"] == run.prompt_tokens[row["step"] - 1]
    cost = sum((row["cost"] for row in rows), Decimal(0))
    refused = run.result.get("refused")
    if refused is None:
        assert run.result["output"] == "all is written"
        assert Decimal(run.result["usage"]["cost"]) == cost
        assert run.result["steps"] == len(calls)

    # Each side effect happened once, or is told to be unknown.
    unknown = Counter(call["arguments"]["line"] for call in run.result.get("unknown_calls", ()))
    for line in EXPECTED:
        happened = run.effects[line]
        assert happened == 1 or (happened == 0 and unknown[line] == 1 and refused is None), line
    assert not set(run.effects) - set(EXPECTED)
    assert len(unknown) <= run.kills
    if refused is not None:
        assert "to resume" in refused, "only its end was cut off"
    return Counter(
        runs=1,
        kills=run.kills,
        cut_off=len(cut_off),
        unknown=len(unknown),
        unknown_but_done=sum(run.effects[line] for line in unknown),
    )


def kill(seed: int, count: int, folder: Path, place: Path | str) -> None:
    chosen = random.Random(seed)
    undisturbed = KilledRun(folder / "undisturbed", place, chosen)
    undisturbed.go()
    totals = judge(undisturbed)
    while totals["kills"] < count:
        most = min(chosen.randint(1, 3), count - totals["kills"])
        name = f"after-{totals['kills']}-{totals['runs']}"
        run = KilledRun(folder / name, place, chosen, seconds=undisturbed.seconds, most_kills=most)
        run.go()
        try:
            totals += judge(run)
        except AssertionError as error:
            error.add_note(f"seed {seed}, {name}: {run.result}")
            raise
    print(f"seed {seed}: {dict(totals)}")  # noqa: T201 - shown by pytest -rP


@pytest.mark.parametrize(
    ("seed", "count"),
    [
        pytest.param(0, 10, marks=pytest.mark.slow),
        pytest.param(1, 100, marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
    ],
)
def test_kills_at_random_points(seed: int, count: int, tmp_path: Path) -> None:
    kill(seed, count, tmp_path, tmp_path / "runs.sqlite")


@pytest.mark.parametrize(
    ("seed", "count"),
    [
        pytest.param(0, 3, marks=pytest.mark.slow),
        pytest.param(1, 50, marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
    ],
)
def test_kills_at_random_points_with_postgres(
    seed: int, count: int, tmp_path: Path, postgres: PostgresServer
) -> None:
    kill(seed, count, tmp_path, postgres.url)
