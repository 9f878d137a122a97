"""The writing end: whole lines whoever writes, and no entry lost or doubled by a bad disk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lean_agent.ledger import queries
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.flushing import FsyncPolicy
from lean_agent.ledger.ledger import Ledger
from lean_agent.usage import Usage


def entry(run: str = "run", step: int = 0) -> Entry:
    usage = Usage(input_tokens=10, output_tokens=1, cost=Decimal("0.001"))
    return Entry(run_id=run, step=step, operation="chat", purpose="answer", usage=usage)


def lines(folder: Path) -> list[dict[str, Any]]:
    """Every line of every segment but the headers, strictly parsed."""
    found: list[dict[str, Any]] = []
    for path in sorted((folder / "segments").iterdir()):
        text = path.read_text()
        assert text.endswith("\n")
        header, *rest = text.splitlines()
        assert json.loads(header)["schema_version"] == 2
        found += map(json.loads, rest)
    return found


def script(code: str, *arguments: str) -> str:
    """Run ``code`` in a Python of its own, since it changes limits or forks; what it printed."""
    start = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from lean_agent.ledger.entries import Entry\n"
        "from lean_agent.ledger.ledger import Ledger\n"
        "from lean_agent.usage import Usage\n"
        "def entry(step): return Entry(run_id='run', step=step, operation='chat',\n"
        "                              purpose='answer', usage=Usage(input_tokens=10))\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", start + code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_is_made_before_the_first_entry(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "ledger"
    ledger = Ledger(folder)
    ledger.close()
    assert not folder.parent.exists()
    ledger.append(entry())
    assert len(lines(folder)) == 1
    assert ledger.take_notices() == []


def test_the_default_folder_is_the_user_s_and_can_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAN_AGENT_LEDGER_DIR", str(tmp_path / "mine"))
    ledger = Ledger()
    ledger.append(entry())
    assert len(lines(tmp_path / "mine")) == 1


def test_a_change_of_the_current_folder_does_not_split_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ledger = Ledger(Path("ledger"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    ledger.append(entry())
    assert len(lines(tmp_path / "ledger")) == 1


def test_the_user_s_spend_is_not_for_others_to_read(tmp_path: Path) -> None:
    Ledger(tmp_path).append(entry())
    (segment,) = (tmp_path / "segments").iterdir()
    assert segment.stat().st_mode & 0o077 == 0
    assert segment.parent.stat().st_mode & 0o077 == 0


def test_an_entry_is_on_disk_when_append_returns(tmp_path: Path) -> None:
    policies: tuple[FsyncPolicy, ...] = ("never", "interval", "always")
    for fsync in policies:
        folder = tmp_path / fsync
        ledger = Ledger(folder, fsync=fsync)
        for step in range(3):
            ledger.append(entry(step=step))
            assert [line["step"] for line in lines(folder)] == list(range(step + 1))


def test_after_close_a_new_segment_begins(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for step in range(3):
        ledger.append(entry(step=step))
        ledger.close()
        ledger.close()
    assert [line["step"] for line in lines(tmp_path)] == [0, 1, 2]  # names sort by time
    assert len(list((tmp_path / "segments").iterdir())) == 3


def test_threads_write_whole_lines_once_each(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)

    def write(step: int) -> None:
        ledger.append(entry(step=step))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(2000)))
    assert sorted(line["step"] for line in lines(tmp_path)) == list(range(2000))
    assert len(list((tmp_path / "segments").iterdir())) == 1


def test_several_ledgers_share_a_folder(tmp_path: Path) -> None:
    ledgers = [Ledger(tmp_path) for _ in range(3)]
    for step in range(30):
        ledgers[step % 3].append(entry(step=step))
    assert sorted(line["step"] for line in lines(tmp_path)) == list(range(30))


def test_processes_write_at_once(tmp_path: Path) -> None:
    code = "for step in range(200): ledger.append(entry(step + 1000 * int(sys.argv[2])))"

    def write(process: int) -> None:
        script(code, str(tmp_path), str(process))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, range(3)))
    steps = sorted(line["step"] for line in lines(tmp_path))
    assert steps == [1000 * process + step for process in range(3) for step in range(200)]


def test_a_fork_writes_to_its_own_segment_and_owes_the_parent_nothing(tmp_path: Path) -> None:
    # A file in the folder's place makes the parent keep one entry over the fork; another thread
    # keeps the lock busy meanwhile.
    code = """
import threading, time
folder = Path(sys.argv[1])
folder.write_text("")
ledger.append(entry(0))
folder.unlink()
stop = threading.Event()
def write():
    step = 1000
    while not stop.is_set():
        ledger.append(entry(step))
        step += 1
thread = threading.Thread(target=write)
children = []
time.sleep(0.01)
for number in range(1, 6):
    if number == 2:
        thread.start()
    pid = os.fork()
    if pid == 0:
        ledger.append(entry(number))
        notices = ledger.take_notices()
        ledger.close()
        os._exit(len(notices))
    children.append(pid)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
stop.set()
thread.join()
ledger.append(entry(6))
ledger.close()
print(codes)
"""
    folder = tmp_path / "ledger"
    assert script(code, str(folder)).strip() == "[0, 0, 0, 0, 0]"
    steps = [line["step"] for line in lines(folder)]
    assert sorted(step for step in steps if step < 1000) == list(range(7))
    assert len(steps) == len(set(steps))
    assert len(list((folder / "segments").iterdir())) == 6


def test_a_full_disk_loses_and_doubles_nothing(tmp_path: Path) -> None:
    # A file size limit fails as a full disk does: it takes what still fits, then refuses.
    code = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
def room(size): resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
step = 0
def write(count):
    global step
    for _ in range(count):
        ledger.append(entry(step))
        step += 1
room(20)        # not even a header
write(5)
print(len(list((Path(sys.argv[1]) / "segments").iterdir())))
room(1500)      # a header and one or two entries a file
write(5)
room(hard)
write(5)
room(2000)      # from now on the segment in use is cut in the middle of a line
write(5)
room(0)
write(5)
notices = ledger.take_notices()
room(hard)
write(1)
ledger.close()
print(len(notices), ledger.take_notices())
print(notices[0])
"""
    output = script(code, str(tmp_path)).splitlines()
    assert output[0] == "0"  # files that could hold nothing are not left behind
    assert output[1].endswith(" []")
    assert "cannot be written" in output[2]
    assert "kept in memory" in output[2]
    assert sorted(line["step"] for line in lines(tmp_path)) == list(range(26))
    assert queries.problems(tmp_path) == []


def test_a_folder_that_may_not_be_written_is_told_once_and_caught_up(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    folder.mkdir(mode=0o500)
    code = """
folder = Path(sys.argv[1])
if os.geteuid() == 0:
    os.seteuid(65534)  # nothing is forbidden to root
for step in range(10):
    ledger.append(entry(step))
print(ledger.take_notices())
print(ledger.take_notices())
if os.getuid() == 0:
    os.seteuid(0)
folder.chmod(0o700)
ledger.append(entry(10))
ledger.close()
print(ledger.take_notices())
"""
    first, second, third = script(code, str(folder)).splitlines()
    assert "Permission denied" in first
    assert first.count("cannot be written") == 1
    assert second == third == "[]"
    assert [line["step"] for line in lines(folder)] == list(range(11))


def test_a_folder_deleted_in_use_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    ledger = Ledger(folder)
    ledger.append(entry(step=0))
    shutil.rmtree(folder)
    ledger.append(entry(step=1))
    ledger.append(entry(step=2))
    assert [line["step"] for line in lines(folder)] == [1, 2]


def test_each_time_the_disk_fails_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    ledger = Ledger(folder)
    for step in range(0, 6, 2):
        folder.write_text("in the way")
        ledger.append(entry(step=step))
        assert len(ledger.take_notices()) == 1
        folder.unlink()
        ledger.append(entry(step=step + 1))
        assert ledger.take_notices() == []
        assert [line["step"] for line in lines(folder)] == [step, step + 1]
        shutil.rmtree(folder)


@pytest.mark.slow
def test_what_cannot_be_kept_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    folder.write_text("in the way")
    ledger = Ledger(folder)
    for step in range(10_003):
        ledger.append(entry(step=step))
    assert len(ledger.take_notices()) == 1
    folder.unlink()
    ledger.append(entry(step=10_003))
    (notice,) = ledger.take_notices()
    assert notice.startswith("3 ledger entries could not be written")
    assert [line["step"] for line in lines(folder)] == list(range(3, 10_004))


def test_closing_tells_what_is_lost_for_good(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    folder.write_text("in the way")
    ledger = Ledger(folder)
    ledger.append(entry())
    ledger.take_notices()
    ledger.close()
    (notice,) = ledger.take_notices()
    assert notice.startswith("1 ledger entries could not be written")


def test_a_forgotten_ledger_leaves_no_file_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        Ledger(tmp_path).append(entry())
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def test_notices_are_taken_once_by_whoever_asks_first(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("")
    ledger = Ledger(tmp_path / "ledger")
    ledger.append(entry())
    taken: list[str] = []
    threads = [threading.Thread(target=lambda: taken.extend(ledger.take_notices())) for _ in "1234"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1
