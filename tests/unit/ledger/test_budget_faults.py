"""Whatever happens to the file of budgets, the caps hold and one clear line says what is wrong."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from lean_agent.errors import LedgerError, LimitExceededError
from lean_agent.ledger import budget_file
from lean_agent.ledger.budget import NOTHING, Amount, Budget
from lean_agent.ledger.budget_store import Cap, Totals
from lean_agent.ledger.caps import cap_status, open_shared, set_cap
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore
from lean_agent.usage import Usage

CAPS = [Cap("day", Budget(tokens=100))]


def tokens(count: int) -> Amount:
    return Amount(tokens=count)


def run(code: str, *arguments: object, under: Sequence[str] = ()) -> str:
    done = subprocess.run(
        [*under, sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def holds_in_memory(folder: Path, *, left: int) -> str:
    """Spend under a cap whose file fails; what the user was told."""
    told: list[str] = []
    shared = open_shared(folder, told.append)
    assert (await shared.remaining()).tokens == left
    held = await shared.reserve(tokens(left - 10), lost=NOTHING)
    with pytest.raises(LimitExceededError):
        await shared.reserve(tokens(11), lost=NOTHING)
    await held.settle(tokens(left - 10))
    assert (await shared.remaining()).tokens == 10
    await shared.close()
    assert len(told) == 1
    assert "\n" not in told[0]
    return told[0]


def sql(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 500)


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def newer(path: Path) -> None:
    sql(path, "PRAGMA user_version = 99")


def something_else(path: Path) -> None:
    path.unlink()
    sql(path, "CREATE TABLE other (x)")


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (garbage, "damaged"),
        (nothing, "holds no budgets"),
        (cut_off, "damaged"),
        (newer, "newer"),
        (something_else, "holds no budgets"),
    ],
)
async def test_a_damaged_file_does_not_lift_the_cap(
    tmp_path: Path, damage: Callable[[Path], None], word: str
) -> None:
    set_cap(tmp_path, "day", Budget(tokens=100), spent=tokens(10))
    path = tmp_path / "budgets.sqlite"
    with closing(Ledger(tmp_path)) as ledger:  # which a new process reads in the file's place
        ledger.append(
            Entry(run_id="r", operation="chat", purpose="act", usage=Usage(input_tokens=10))
        )
    damage(path)
    assert word in await holds_in_memory(tmp_path, left=90)
    with pytest.raises(LedgerError, match=word) as caught:
        cap_status(tmp_path)
    assert caught.value.hint
    path.unlink()
    set_cap(tmp_path, "day", Budget(tokens=100), spent=tokens(55))
    assert cap_status(tmp_path)[0].totals == Totals(tokens(55))


def test_a_store_whose_file_is_deleted_goes_on_in_the_new_one(tmp_path: Path) -> None:
    for names in (
        ["budgets.sqlite"],
        ["budgets.sqlite", "budgets.sqlite-wal", "budgets.sqlite-shm"],
    ):
        stores = [SqliteBudgetStore(tmp_path / "budgets.sqlite") for _ in range(3)]
        for store in stores:
            store.settle(store.reserve(CAPS, tokens(10), lost=NOTHING), tokens(10))
        for name in names:
            (tmp_path / name).unlink()
        for number, store in enumerate(stores, 1):
            store.settle(store.reserve(CAPS, tokens(20), lost=NOTHING), tokens(20))
            assert [s.totals(["day"])["day"].spent.tokens for s in stores] == [20 * number] * 3
            if number == 2:
                stores[0].close()
        for store in stores:
            store.close()
        (tmp_path / "budgets.sqlite").unlink()


async def test_a_run_goes_on_when_its_file_is_deleted(tmp_path: Path) -> None:
    set_cap(tmp_path, "day", Budget(tokens=100), spent=tokens(10))
    shared = open_shared(tmp_path, pytest.fail)
    await shared.open(lambda _: tokens(20))
    held = await shared.reserve(tokens(30), lost=tokens(25))
    (tmp_path / "budgets.sqlite").unlink()
    await held.settle(tokens(28))
    answer = await shared.reserve(tokens(20), lost=NOTHING, final=True)
    await answer.settle(tokens(15))
    await shared.close()
    # What was spent before went with the old file; what ends from now on is in the new one.
    assert cap_status(tmp_path)[0].totals == Totals(tokens(28 + 15))


async def test_a_locked_file_is_waited_for_and_then_caught_up_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget_file, "_BUSY_SECONDS", 0.1)
    set_cap(tmp_path, "day", Budget(tokens=100), spent=tokens(10))
    told: list[str] = []
    shared = open_shared(tmp_path, told.append)
    assert (await shared.remaining()).tokens == 90
    other = sqlite3.connect(tmp_path / "budgets.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    held = await shared.reserve(tokens(60), lost=NOTHING)
    with pytest.raises(LimitExceededError):
        await shared.reserve(tokens(31), lost=NOTHING)
    assert "locked by another process" in told[0]
    other.execute("ROLLBACK")
    other.close()
    assert (await shared.remaining()).tokens == 30
    assert cap_status(tmp_path)[0].totals == Totals(tokens(10), tokens(60))
    await held.settle(tokens(50))
    await shared.close()
    assert cap_status(tmp_path)[0].totals == Totals(tokens(60))
    assert len(told) == 1


# In a process of its own: FAIL and MEND are the fault, and print tells what the caps did.
_SPEND = """
import asyncio, duckdb, os, resource, sys
from pathlib import Path
from lean_agent.errors import LimitExceededError
from lean_agent.ledger.budget import Amount, NOTHING
from lean_agent.ledger.caps import open_shared

folder, early = Path(sys.argv[1]), sys.argv[2] == "early"
told = []

def tokens(count):
    return Amount(tokens=count)

async def main():
    if early:
        fail()
    shared = open_shared(folder, told.append)
    print((await shared.remaining()).tokens)
    await shared.open(lambda _: tokens(5))
    before = await shared.reserve(tokens(20), lost=tokens(15))
    fail()
    await before.settle(tokens(18))
    print((await shared.remaining()).tokens)
    meanwhile = await shared.reserve(tokens(30), lost=tokens(25))
    try:
        await shared.reserve(tokens(80), lost=NOTHING)
    except LimitExceededError:
        print("refused")
    answer = await shared.reserve(tokens(5), lost=NOTHING, final=True)
    await answer.settle(tokens(5))
    mend()
    await meanwhile.settle(tokens(29))
    print((await shared.remaining()).tokens)
    await shared.close()
    print(len(told), *told)
"""
_FULL_DISK = """
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
def fail(): resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
def mend(): resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
asyncio.run(main())
"""
_READ_ONLY = """
def fail():
    os.chmod(folder, 0o500)
    for path in folder.rglob("*"):
        path.chmod(0o500 if path.is_dir() else 0o400)
def mend():
    os.chmod(folder, 0o700)
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
if os.geteuid() == 0:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534)
    os.seteuid(65534)  # nothing is forbidden to root
asyncio.run(main())
"""


@pytest.fixture
def capped() -> Iterator[Path]:
    """A ledger folder that another user can come to: pytest's own are closed to all but one."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "ledger"
        set_cap(folder, "day", Budget(tokens=100), spent=tokens(10))
        yield folder


@pytest.mark.parametrize("fault", [_FULL_DISK, _READ_ONLY], ids=["full disk", "read-only"])
def test_caps_hold_on_a_full_disk_and_in_a_read_only_folder(capped: Path, fault: str) -> None:
    out = run(_SPEND + fault, capped, "late").splitlines()
    assert out[:4] == ["90", "67", "refused", "38"]
    # Who has the file open may still write to it when its folder is made read-only.
    assert out[4].startswith("1 the budgets in") or (fault == _READ_ONLY and out[4] == "0")
    assert cap_status(capped)[0].totals == Totals(tokens(10 + 18 + 5 + 29))


@pytest.mark.slow
@pytest.mark.parametrize("fault", [_FULL_DISK, _READ_ONLY], ids=["full disk", "read-only"])
def test_caps_hold_where_nothing_could_ever_be_written(capped: Path, fault: str) -> None:
    out = run(_SPEND + fault, capped, "early").splitlines()
    assert out[2] == "refused"
    assert out[4].startswith("1 the budgets in")
    assert cap_status(capped)[0].totals == Totals(tokens(10 + 18 + 5 + 29))


# On a file system of its own, of 64 pages, all but a few of which are taken.
_FILLING = """
import subprocess, sys
from pathlib import Path
from lean_agent.errors import LedgerError
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore

folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True)

def tried(path):
    store = SqliteBudgetStore(path)
    try:
        store.totals(["day"])
    except LedgerError as error:
        return "full" if "disk" in str(error) or "written" in str(error) else str(error)
    finally:
        store.close()
    return "well"

for free in range(24):
    path, filler = folder / "budgets.sqlite", folder / "filler"
    filler.write_bytes(bytes(4096 * (64 - free)))
    there = tried(path), path.exists()
    filler.unlink()
    print(*there, tried(path))
    for name in folder.glob("budgets.sqlite*"):
        name.unlink() if name.is_file() else name.rmdir()
"""


def own_file_systems() -> list[str]:
    """What starts a process that may mount file systems which nobody else sees."""
    command = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") and subprocess.run([*command, "true"], check=False).returncode == 0:
        return command
    pytest.skip("this system lets nobody mount a file system of its own")


def test_a_file_appears_whole_or_not_at_all_while_the_disk_fills(tmp_path: Path) -> None:
    out = run(_FILLING, tmp_path, under=own_file_systems()).splitlines()
    assert out[0] == "full False well"
    assert out[-1] == "well True well"
    assert set(out) <= {"full False well", "full True well", "well True well"}


_SHOWN = """
import subprocess, sys
from pathlib import Path
from lean_agent.ledger.budget import Amount, Budget
from lean_agent.ledger.caps import cap_status, set_cap

folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], check=True)
set_cap(folder, "day", Budget(tokens=100), spent=Amount(tokens=10))
try:
    (folder / "filler").write_bytes(bytes(2**19))
except OSError as error:
    print(error.strerror)
print(cap_status(folder)[0].totals.spent.tokens)
"""


@pytest.mark.slow
def test_what_was_spent_can_be_read_on_a_full_disk(tmp_path: Path) -> None:
    out = run(_SHOWN, tmp_path, under=own_file_systems()).splitlines()
    assert out == ["No space left on device", "10"]


_FORK = """
import os, sys, threading
from pathlib import Path
from lean_agent.ledger.budget import Amount, Budget, NOTHING
from lean_agent.ledger.budget_store import Cap
from lean_agent.ledger.sqlite_budgets import SqliteBudgetStore

CAPS = [Cap("day", Budget(tokens=10_000))]
store = SqliteBudgetStore(Path(sys.argv[1]))
one = Amount(tokens=1)
held = store.reserve(CAPS, one, lost=one)
stop = threading.Event()
count = 0

def work():
    global count
    while not stop.is_set():
        store.settle(store.reserve(CAPS, one, lost=NOTHING), one)
        count += 1

threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
children = []
for number in range(10):
    child = os.fork()
    if child == 0:
        mine = store.reserve(CAPS, one, lost=one)
        store.settle(mine, one)
        if number % 2:
            store.close()
            sys.exit(0)  # the interpreter tidies up
        lost = store.reserve(CAPS, one, lost=one)
        os._exit(0)
    children.append(child)
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
stop.set()
for thread in threads: thread.join()
totals = store.totals(["day"])["day"]
assert totals.reserved == one, totals
assert totals.spent.tokens == count + 10 + 5, (totals, count)
store.settle(held, one)
store.close()
print("fine")
"""


def test_a_fork_neither_uses_nor_closes_what_its_parent_has_open(tmp_path: Path) -> None:
    assert run(_FORK, tmp_path / "budgets.sqlite") == "fine\n"
