"""What a process that is gone had reserved is charged once, and put right if it was not gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lean_agent.ledger.budget import NOTHING, Amount, Budget
from lean_agent.ledger.budget_store import Cap, Totals
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore

CAPS = [Cap("day", Budget(tokens=1_000)), Cap("month", Budget(tokens=1_000))]

_HOLDER = """
import subprocess, sys
from pathlib import Path
from lean_agent.ledger.budget import Amount, Budget
from lean_agent.ledger.budget_store import Cap
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore

caps = [Cap("day", Budget(tokens=1_000)), Cap("month", Budget(tokens=1_000))]
store = SqliteBudgetStore(Path(sys.argv[1]))
held = [store.reserve(caps, Amount(tokens=50), lost=Amount(tokens=n)) for n in range(1, 6)]
store.settle(held[0], Amount(tokens=40))
if len(sys.argv) > 2:  # a child of its own, which must not keep its locks
    subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"])
print(*held, flush=True)
sys.stdin.readline()
store.settle(held[1], Amount(tokens=30))
store.close()
"""


def holder(path: Path, *arguments: str) -> tuple[subprocess.Popen[str], list[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().split()


def test_a_killed_process_is_charged_what_it_declared_once(tmp_path: Path) -> None:
    path = tmp_path / "budgets.sqlite"
    process, held = holder(path)
    store = SqliteBudgetStore(path)
    alive = Totals(Amount(tokens=40), Amount(tokens=200))
    assert dict(store.totals(["day", "month"])) == {"day": alive, "month": alive}
    process.kill()
    process.communicate()
    dead = Totals(Amount(tokens=40 + 2 + 3 + 4 + 5))
    others = [store, *(SqliteBudgetStore(path) for _ in range(3))]
    for each in others * 2:
        assert dict(each.totals(["day", "month"])) == {"day": dead, "month": dead}
    assert list((tmp_path / "budgets.sqlite.owners").iterdir()) == []
    store.settle(held[4], Amount(tokens=1))  # by whoever took over its work
    assert store.totals(["day"])["day"] == Totals(Amount(tokens=40 + 2 + 3 + 4 + 1))
    for each in others:
        each.close()


def test_the_dead_make_room_for_the_living(tmp_path: Path) -> None:
    path = tmp_path / "budgets.sqlite"
    process, _ = holder(path)
    process.kill()
    process.communicate()
    store = SqliteBudgetStore(path)
    store.reserve(CAPS, Amount(tokens=1_000 - 54), lost=NOTHING)
    store.close()


def test_a_child_does_not_keep_its_dead_parent_alive(tmp_path: Path) -> None:
    path = tmp_path / "budgets.sqlite"
    process, _ = holder(path, "with a child")
    process.kill()
    process.wait()
    store = SqliteBudgetStore(path)
    assert store.totals(["day"])["day"] == Totals(Amount(tokens=54))
    store.close()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


def test_an_owner_that_only_seemed_dead_puts_its_charge_right(tmp_path: Path) -> None:
    path = tmp_path / "budgets.sqlite"
    process, _ = holder(path)
    for owner in (tmp_path / "budgets.sqlite.owners").iterdir():
        owner.unlink()  # as a clean-up of old files would
    store = SqliteBudgetStore(path)
    assert store.totals(["day"])["day"] == Totals(Amount(tokens=54))
    process.communicate("\n", timeout=30)
    assert process.returncode == 0
    assert store.totals(["day"])["day"] == Totals(Amount(tokens=40 + 30 + 3 + 4 + 5))
    store.close()
