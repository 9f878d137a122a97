"""Runs on a real Ray cluster of this machine; a scripted hosted model counts what it is asked."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import ray_runs
from support.eval_runs import Silent, timeless
from support.ray_runs import COUNT, descendants, of_session, paid, run
from support.shopping_server import Shopping

from lean_agent import Budget, ConfigurationError
from lean_agent.ledger import queries
from lean_agent_evals.json_lines import read_lines

pytestmark = pytest.mark.slow

RAY = "ray"
SPENDING = re.compile(r"^ray::Worker|raylet/raylet|gcs_server")
TIMES = {"seconds", "run_id", "trajectory", "messages"}


@dataclass(frozen=True, slots=True)
class Alone:
    """A run on this process, and whom it asked."""

    folder: Path
    shop: Shopping


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")


@pytest.fixture(autouse=True)
def _two_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def at(call: int, act: Callable[[], object]) -> Callable[[int], None]:
    """Does something once, when that many calls came before."""

    def before_it(before: int) -> None:
        if before == call:
            act()

    return before_it


@pytest.fixture(scope="module")
def kept() -> list[Alone]:
    return []


@pytest.fixture
async def alone(kept: list[Alone], tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """What the others must come to: a run that nothing disturbs, made once for all tests."""
    if not kept:
        folder, shop = tmp_path_factory.mktemp("alone"), Shopping(COUNT)
        with shop.server as server:
            assert (await run(folder, server.url)).why == "complete"
        kept.append(Alone(folder, shop))
    return kept[0]


def spent_by_ledger(folder: Path) -> int:
    return queries.spent(folder / "ledger", since=0.0)[1]


async def test_results_are_those_of_a_local_run(alone: Alone, tmp_path: Path) -> None:
    shop = Shopping(COUNT)
    with shop.server as server:
        end = await run(tmp_path / "ray", server.url, executor=RAY)
    assert (end.why, end.total, end.counting, end.failed) == ("complete", COUNT, COUNT, 0)
    assert timeless(tmp_path / "ray") == timeless(alone.folder)
    endings = [outcome.ending for outcome in timeless(tmp_path / "ray").values()]
    assert (endings.count("answered"), endings.count("wrong")) == (16, 8)
    assert [said(line) for line in lines(tmp_path / "ray")] == [
        said(line) for line in lines(alone.folder)
    ]
    # Each call was sent, billed and entered once, by one of two processes.
    assert shop.asked == alone.shop.asked
    assert set(shop.asked.values()) == {1}
    assert end.spent.tokens == spent_by_ledger(tmp_path / "ray") == sum(shop.server.reported)
    assert set(paid(tmp_path / "ray").values()) == {1}
    segments = list((tmp_path / "ray" / "ledger" / "segments").iterdir())
    assert len(segments) >= 3  # the probe was this process's
    assert not list((tmp_path / "ray").glob("calls*"))
    assert not descendants("ray")


def lines(folder: Path) -> list[dict[str, object]]:
    return sorted(read_lines(folder / "trajectories.jsonl"), key=lambda line: line["task_id"])


def said(line: dict[str, object]) -> dict[str, object]:
    """A line of trajectories.jsonl but for times and ids."""
    return {name: value for name, value in line.items() if name not in TIMES}


async def test_the_budget_of_the_run_holds_over_four_workers(
    alone: Alone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    cap = sum(alone.shop.server.reported) // 2
    shop = Shopping(COUNT, delay=0.05)
    with shop.server as server:
        end = await run(tmp_path / "ray", server.url, executor=RAY, budget=Budget(tokens=cap))
        assert end.why == "budget"
        assert 0 < end.counting < COUNT
        assert cap // 2 < sum(server.reported) <= cap
        assert end.spent.tokens == sum(server.reported) == spent_by_ledger(tmp_path / "ray")
        raised = Budget(tokens=3 * cap)
        end = await run(tmp_path / "ray", server.url, executor="local", budget=raised)
        assert (end.why, end.counting) == ("complete", COUNT)
    assert timeless(tmp_path / "ray") == timeless(alone.folder)
    assert set(shop.asked.values()) == {1}


async def test_a_killed_workers_attempts_go_on_in_another(
    alone: Alone, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It dies while the server has a call of each of the eight attempts under way, unanswered."""
    killed: list[int] = []
    held = asyncio.Event()

    def kill(before: int) -> asyncio.Event | None:
        if before < 40 or killed:
            return None
        if before == 40 + 7:
            killed.append(min(descendants("ray::Worker")))
            os.kill(killed[0], signal.SIGKILL)
            held.set()
        return held

    shop = Shopping(COUNT, before=kill)
    watch = Silent()
    with shop.server as server:
        end = await run(tmp_path / "ray", server.url, executor=RAY, observer=watch, concurrency=8)
    assert killed
    assert (end.why, end.counting, end.failed) == ("complete", COUNT, 0)
    assert timeless(tmp_path / "ray") == timeless(alone.folder)
    assert set(paid(tmp_path / "ray").values()) == {1}
    # Only what was in flight in that process was sent again: four attempts were.
    again = [asked for asked in shop.asked.values() if asked > 1]
    assert again == [2] * 4
    assert end.spent.tokens == spent_by_ledger(tmp_path / "ray")
    assert not descendants("ray")
    assert capfd.readouterr() == ("", "")


async def test_an_attempt_that_kills_its_workers_is_an_infrastructure_failure(
    tmp_path: Path,
) -> None:
    """Its worker dies at its second call, and so does the next."""
    deaths = 0

    def kill(_before: int) -> None:
        nonlocal deaths
        if any('"role": "tool"' in asked for asked in shop.asked) and deaths < 2:
            deaths += 1
            os.kill(descendants("ray::Worker")[0], signal.SIGKILL)

    shop = Shopping(2, delay=0.2, before=kill)
    watch = Silent()
    with shop.server as server:
        end = await run(tmp_path, server.url, executor=RAY, observer=watch, concurrency=1, count=2)
        assert (deaths, end.why, end.counting, end.failed) == (2, "complete", 1, 1)
        (failed,) = [found for found in timeless(tmp_path).values() if not found.counts]
        assert failed.ending == "infrastructure"
        assert failed.usage.total_tokens > 0
        assert any("its worker ended" in note for note in watch.notes)
        end = await run(tmp_path, server.url, executor="local", concurrency=1, count=2)
        assert (end.counting, end.failed) == (2, 0)
    assert set(paid(tmp_path).values()) == {1}


async def test_a_stopped_run_goes_on_in_one_process(alone: Alone, tmp_path: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    shop = Shopping(COUNT, delay=0.05, before=at(40, lambda: loop.call_soon_threadsafe(stop.set)))
    with shop.server as server:
        end = await run(tmp_path / "ray", server.url, executor=RAY, stop=stop)
        assert end.why == "interrupted"
        assert 0 < end.counting < COUNT
        assert not descendants("ray")
        assert end.spent.tokens == spent_by_ledger(tmp_path / "ray")
        _, rows = queries.sql(tmp_path / "ray" / "ledger", "select state from entries")
        assert {state for (state,) in rows} == {"closed"}
        end = await run(tmp_path / "ray", server.url, executor="local")
    assert (end.why, end.counting) == ("complete", COUNT)
    assert timeless(tmp_path / "ray") == timeless(alone.folder)
    assert set(paid(tmp_path / "ray").values()) == {1}


async def test_killed_with_its_cluster_a_run_goes_on_in_one_process(
    alone: Alone, tmp_path: Path
) -> None:
    folder = tmp_path / "ray"
    drivers: list[subprocess.Popen[bytes]] = []

    def kill(before: int) -> None:
        if before >= 40 and timeless(folder):
            drivers[0].kill()

    shop = Shopping(COUNT, delay=0.05, before=kill)
    with shop.server as server:
        process = subprocess.Popen(  # noqa: ASYNC220 - it takes no time
            [sys.executable, "-m", "support.ray_runs", str(folder), server.url],
            env=os.environ | {"PYTHONPATH": str(Path(ray_runs.__file__).parents[1])},
            start_new_session=True,
        )
        drivers.append(process)
        await asyncio.to_thread(process.wait, 120)
        assert process.returncode == -signal.SIGKILL
        assert 0 < len(timeless(folder)) < COUNT
        # At once: its workers may still be there, and are waited for.
        end = await run(folder, server.url, executor="local")
    assert (end.why, end.counting) == ("complete", COUNT)
    assert timeless(folder) == timeless(alone.folder)
    assert set(paid(folder).values()) == {1}
    assert max(shop.asked.values()) <= 2
    async with asyncio.timeout(60):
        while [line for line in of_session(process.pid) if SPENDING.search(line)]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_what_a_worker_cannot_open_is_told_once(tmp_path: Path) -> None:
    shop = Shopping(2)
    with shop.server as server, pytest.raises(ConfigurationError, match="no suite called 'gone'"):
        await run(tmp_path, server.url, executor=RAY, suite="gone", count=2)
    assert not descendants("ray")


@pytest.mark.parametrize("address", ["127.0.0.1:9", "127.0.0.1:no", "ray://127.0.0.1:9"])
async def test_a_cluster_that_is_not_there_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    shop = Shopping(2)
    with shop.server as server, pytest.raises(ConfigurationError, match=f"answers at {address}"):
        await run(tmp_path, server.url, executor=RAY, count=2)
    assert not shop.asked
