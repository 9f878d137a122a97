from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent.sandbox import SandboxResult, run_python


async def test_what_is_printed_and_the_last_expression_come_back() -> None:
    result = await run_python("print('hello')\nx = 20\nx * 2 + 2")
    assert result == SandboxResult(output="hello\n", value=42)


async def test_inputs_are_found_under_their_names() -> None:
    result = await run_python("sum(numbers) + len(name)", inputs={"numbers": [1, 2], "name": "ab"})
    assert result.value == 5


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("def g():\n  return 1/0\n\ng()", "ZeroDivisionError: division by zero (line 2)"),
        ("x = 1\nraise ValueError('a\\nb')", "ValueError: a b (line 2)"),
        ("import numpy", "ModuleNotFoundError: No module named 'numpy' (line 1)"),
        (
            "a = 1\ndef f(:",
            "SyntaxError: Expected a parameter or the end of the parameter list (line 2)",
        ),
        ("eval('1/0')", "ZeroDivisionError: division by zero (line 1)"),
    ],
)
async def test_an_error_is_one_line_with_type_message_and_line(code: str, error: str) -> None:
    assert (await run_python(code)).error == error


async def test_output_before_an_error_is_kept() -> None:
    result = await run_python("print('so far')\n1/0")
    assert (result.output, result.value) == ("so far\n", None)
    assert result.error is not None


async def test_runs_know_nothing_of_each_other() -> None:
    await run_python("secret = 1")
    for _ in range((os.cpu_count() or 1) + 1):  # every worker, and one of them twice
        assert "'secret' is not defined" in str((await run_python("secret")).error)


# Each names what it tries. None may reach anything outside, hang, or bring the sandbox down.
ESCAPES = {
    "read a file": ("open('/etc/passwd').read()", "PermissionError"),
    "read a file with pathlib": (
        "from pathlib import Path\nPath('/etc/passwd').read_text()",
        "PermissionError",
    ),
    "read the process's memory map": ("open('/proc/self/maps').read()", "PermissionError"),
    "read an endless device": ("open('/dev/zero').read()", "PermissionError"),
    "write a file": ("open('escaped.txt', 'w').write('x')", "PermissionError"),
    "list a folder": ("import os\nos.listdir('/')", "PermissionError"),
    "delete a file": ("import os\nos.remove('/etc/hosts')", "Error"),
    "read the environment": ("import os\nos.environ['PATH']", "RuntimeError"),
    "read one variable": ("import os\nos.getenv('HOME')", "RuntimeError"),
    "run a command": ("import os\nos.system('true')", "AttributeError"),
    "run a command by subprocess": ("import subprocess", "ModuleNotFoundError"),
    "fork": ("import os\nos.fork()", "AttributeError"),
    "kill a process": ("import os\nos.kill(1, 9)", "AttributeError"),
    "open a socket": ("import socket", "ModuleNotFoundError"),
    "fetch a page": ("import urllib.request", "ModuleNotFoundError"),
    "connect by asyncio": ("import asyncio\nasyncio.open_connection", "AttributeError"),
    "load native code": ("import ctypes", "ModuleNotFoundError"),
    "start a thread": ("import threading", "ModuleNotFoundError"),
    "import by name": ("__import__('os').system('true')", "NameError"),
    "import the host's package": ("import lean_agent", "ModuleNotFoundError"),
    "find the builtins": ("__builtins__", "NameError"),
    "climb to object": ("().__class__.__base__.__subclasses__()", "AttributeError"),
    "climb from a builtin to its module": ("print.__self__", "AttributeError"),
    "climb from a function to its globals": ("def f(): 0\nf.__globals__", "AttributeError"),
    "climb through a string's format": ("'{0.__class__.__mro__}'.format(1)", "AttributeError"),
    "climb from an exception to its frames": (
        "try:\n  1/0\nexcept Exception as e:\n  e.__traceback__.tb_frame",
        "AttributeError",
    ),
    "see loaded modules": ("import sys\nsys.modules", "AttributeError"),
    "lift the recursion limit": ("import sys\nsys.setrecursionlimit(10**9)", "AttributeError"),
    "end the process": ("import sys\nsys.exit(3)", "AttributeError"),
    "ask the person": ("input()", "NameError"),
    "unpickle an object": ("import pickle", "ModuleNotFoundError"),
    "run serialised bytecode": ("import marshal", "ModuleNotFoundError"),
    "compile and run bytecode": ("compile('1', 'x', 'eval')", "NameError"),
    "run a text as statements": ("exec('import os\\nos.listdir(\"/\")')", "PermissionError"),
    "open the object's own serialiser": ("(1).__reduce_ex__(2)", "AttributeError"),
    "nest JSON deeply": ("import json\njson.loads('[' * 100000)", "Error"),
    "serialise what holds itself": (
        "import json\na = []\na.append(a)\njson.dumps(a)",
        "Error",
    ),
    "recurse without end": ("def f(n): return f(n + 1)\nf(0)", "RecursionError"),
    "compare lists nested in themselves": (
        "a = []\na.append(a)\nb = []\nb.append(b)\na == b",
        "RecursionError",
    ),
    "nest the source deeply": ("(" * 10_000, "SyntaxError"),
    "nest evaluated source deeply": ("eval('(' * 100000)", "SyntaxError"),
    "fill memory with a list": ("[0] * 10**10", "MemoryError"),
    "fill memory little by little": ("a = []\nwhile True: a.append('x' * 10000)", "MemoryError"),
    "fill memory by doubling a string": ("s = 'x'\nwhile True: s += s", "MemoryError"),
    "fill memory by padding": ("'%10000000000d' % 1", "MemoryError"),
    "fill memory by joining": ("'x'.join(['y' * 10**6] * 10**4)", "MemoryError"),
    "fill memory with a huge power": ("9 ** 9 ** 9", "MemoryError"),
    "fill memory with a huge shift": ("1 << 10**12", "MemoryError"),
    "write out a huge number": ("str(10 ** 100000)", "ValueError"),
    "read in a huge number": ("int('9' * 1000000)", "ValueError"),
    "loop for ever": ("while True: pass", "TimeoutError"),
    "loop for ever and catch everything": (
        "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
        "TimeoutError",
    ),
    "hide from the clock in one long operation": ("sum(range(10**10))", "TimeoutError"),
    "hide from the clock in a big power": ("9 ** 9 ** 8", "TimeoutError"),
    "flood the output": ("while True: print('x' * 1000)", "stopped: it printed more than"),
    "flood the error stream": (
        "import sys\nwhile True: print('x' * 1000, file=sys.stderr)",
        "stopped: it printed more than",
    ),
}


@pytest.mark.parametrize("attempt", ESCAPES)
async def test_escape(attempt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, expected = ESCAPES[attempt]
    started = time.perf_counter()
    seconds = 5 if expected == "MemoryError" else 0.5  # filling it takes a while on a busy machine
    result = await run_python(code, seconds=seconds, memory_bytes=128 * 2**20)
    assert time.perf_counter() - started < 10  # 1.5 s and a busy machine
    assert expected in str(result.error)
    assert len(str(result.error)) < 600
    assert "\n" not in str(result.error)
    assert os.listdir(tmp_path) == []  # noqa: PTH208
    assert (await run_python("6 * 7")).value == 42


async def test_catching_the_end_of_time_does_not_buy_more() -> None:
    code = "try:\n  while True: pass\nexcept BaseException:\n  print('caught')"
    result = await run_python(code, seconds=0.2)
    assert (result.output, result.error) == ("", "TimeoutError: it ran longer than 0.2 s")


async def test_sleeping_takes_no_time() -> None:
    started = time.perf_counter()
    result = await run_python("import time\ntime.sleep(3600)\n'awake'")
    assert result.value == "awake"
    assert time.perf_counter() - started < 5


async def test_only_the_beginning_of_long_output_is_kept() -> None:
    result = await run_python("print('x' * 500)\n'done'", max_output_chars=100)
    assert (result.output, result.output_cut, result.value) == ("x" * 100, True, "done")


async def test_a_flood_is_stopped_long_before_its_time() -> None:
    started = time.perf_counter()
    result = await run_python("while True: print('x' * 1000)", seconds=60)
    assert result.error == "stopped: it printed more than 1,000,000 characters"
    assert (len(result.output), result.output_cut) == (20_000, True)
    assert time.perf_counter() - started < 20


async def test_half_a_character_can_be_written_afterwards() -> None:
    for result in (await run_python("'\\ud800'"), await run_python("'\ud800'")):
        assert result.error is None
        json.dumps(result.value, ensure_ascii=False).encode()


async def test_code_of_absurd_length_is_refused_before_it_is_sent() -> None:
    assert "longer than 200,000 characters" in str((await run_python("x" * 200_001)).error)


class Host:
    secret = "s"


@pytest.mark.parametrize("value", [len, Host(), Host, object(), b"x", {1}, [Host()]])
async def test_nothing_but_json_goes_in(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be JSON"):
        await run_python("x", inputs={"x": value})


async def test_a_value_that_holds_itself_does_not_go_in() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ConfigurationError, match="Circular"):
        await run_python("x", inputs={"x": value})
    with pytest.raises(ConfigurationError, match="'a b' is no name"):
        await run_python("1", inputs={"a b": 1})


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
async def test_a_worker_that_dies_is_an_error_and_is_replaced() -> None:
    running = asyncio.ensure_future(run_python("while True: pass", seconds=20))
    worker = await _busy_worker()
    os.kill(worker, signal.SIGABRT)
    result = await running
    assert result.error == "the interpreter crashed on this code"
    assert (await run_python("1 + 1")).value == 2


@linux
async def test_a_cancelled_run_is_killed_at_once() -> None:
    running = asyncio.ensure_future(run_python("while True: pass", seconds=60))
    worker = await _busy_worker()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await _until(lambda: not _alive(worker))


@pytest.mark.slow
async def test_a_run_cancelled_while_it_waits_for_a_worker_never_starts() -> None:
    busy = [
        asyncio.ensure_future(run_python("while True: pass", seconds=1.5))
        for _ in range(os.cpu_count() or 1)
    ]
    await asyncio.sleep(0.2)
    waiting = asyncio.ensure_future(run_python("while True: pass", seconds=60))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    results = await asyncio.gather(*busy)
    assert all("TimeoutError" in str(result.error) for result in results)
    started = time.perf_counter()
    everywhere = await asyncio.gather(*(run_python("1") for _ in busy))
    assert [result.value for result in everywhere] == [1] * len(busy)
    assert time.perf_counter() - started < 10


@pytest.mark.slow
async def test_the_event_loop_goes_on_meanwhile() -> None:
    ticks = 0
    running = asyncio.ensure_future(run_python("while True: pass", seconds=0.5))
    while not running.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert ticks >= 10


def test_several_event_loops_share_the_workers() -> None:
    def one(n: int) -> Any:
        return asyncio.run(run_python(f"{n} * {n}")).value

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(16))) == [n * n for n in range(16)]


async def test_many_runs_at_once_wait_for_their_turn() -> None:
    results = await asyncio.gather(*(run_python(f"sum(range({n}))") for n in range(50)))
    assert [result.value for result in results] == [sum(range(n)) for n in range(50)]


def test_a_forked_process_is_refused_instead_of_hanging() -> None:
    script = """
import asyncio, os
from lean_agent.sandbox import run_python
assert asyncio.run(run_python("1")).value == 1
child = os.fork()
if not child:
    try:
        asyncio.run(run_python("1"))
    except Exception as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
assert asyncio.run(run_python("2")).value == 2
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=True
    )
    assert "cannot be used in it" in done.stdout


BUSY = """
import asyncio, sys
from lean_agent.sandbox import run_python
async def main():
    await run_python("1")
    running = asyncio.ensure_future(run_python(sys.argv[1], seconds=float(sys.argv[2])))
    await asyncio.sleep(0.2)
    print("running", flush=True)
    await running
asyncio.run(main())
"""


@pytest.mark.slow
@linux
def test_no_worker_outlives_a_program_that_ends() -> None:
    script = """
import asyncio, threading, time
from lean_agent.sandbox import run_python
def work():
    asyncio.run(run_python("while True: pass", seconds=60))
threading.Thread(target=work, daemon=True).start()
time.sleep(1)
print("running", flush=True)
input()
"""
    program = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "running\n"
    workers = _children(program.pid)
    assert workers
    _, errors = program.communicate("\n", timeout=20)
    assert (program.returncode, errors) == (0, "")
    _wait_until(lambda: not any(map(_alive, workers)), seconds=5)


@pytest.mark.slow
@linux
@pytest.mark.parametrize("code", ["while True: pass", "3 ** (25 * 10 ** 7)"])
def test_no_worker_outlives_a_killed_program_for_long(code: str) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", BUSY, code, "0.5"], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    with program.stdout:
        assert program.stdout.readline() == "running\n"
        workers = _children(program.pid)
        program.kill()
        program.wait()
    assert workers
    # Half a second to run, one of grace, and rounding: 3 s of processor time on a busy machine.
    _wait_until(lambda: not any(map(_alive, workers)), seconds=40)


def _fields(stat: Path) -> list[str]:
    """What follows a process's name in its stat file; nothing where there is no such process."""
    try:
        return stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _children(parent: int) -> list[int]:
    stats = Path("/proc").glob("[0-9]*/stat")
    return [int(stat.parent.name) for stat in stats if _fields(stat)[1:2] == [str(parent)]]


def _alive(process: int) -> bool:
    state = _fields(Path(f"/proc/{process}/stat"))[:1]
    return state not in ([], ["Z"])


async def _busy_worker() -> int:
    """The process id of the worker at work."""
    found: list[int] = []

    def busy() -> bool:
        found.extend(
            child
            for child in _children(os.getpid())
            if any(_fields(s)[:1] == ["R"] for s in Path(f"/proc/{child}/task").glob("*/stat"))
        )
        return bool(found)

    await _until(busy)
    return found[0]


async def _until(condition: Any) -> None:
    await asyncio.get_running_loop().run_in_executor(None, _wait_until, condition)


def _wait_until(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end
        pause.wait(0.02)
