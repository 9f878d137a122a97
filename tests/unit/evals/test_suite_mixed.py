from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from lean_agent import ConfigurationError
from lean_agent_evals.check import check_suite
from lean_agent_evals.suites.mixed import Mixed

DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
KINDS = {"no-tool", "reasoning", "search", "file", "shopping", "planning"}


@pytest.fixture(scope="module")
def suite() -> Mixed:
    if not (DATA / "gsm8k_dev").is_dir():
        pytest.skip(f"no {DATA}: set LEAN_AGENT_TEST_DATA")
    return Mixed(DATA)


@pytest.mark.slow
def test_six_kinds_in_turn_none_in_both_splits(suite: Mixed) -> None:
    dev, test = suite.tasks("dev"), suite.tasks("test")
    assert Counter(task.kind for task in test) == dict.fromkeys(KINDS, 17)
    assert {task.kind for task in dev[:6]} == KINDS
    assert {task.question for task in dev}.isdisjoint(task.question for task in test)
    assert len({task.id for task in test}) == len(test)
    assert suite.tasks("dev", count=9) == dev[:9]
    assert suite.tasks("dev", seed=1) != dev


@pytest.mark.slow
def test_every_task_offers_tools_and_some_share_them(suite: Mixed) -> None:
    offered: dict[str, set[frozenset[str]]] = {}
    for task in suite.tasks("dev", count=24):
        with suite.open(task) as episode:
            names = frozenset(tool.spec.name for tool in episode.tools)
        assert names
        offered.setdefault(task.kind, set()).add(names)
    assert offered["no-tool"] & offered["search"]


@pytest.mark.slow
async def test_every_task_can_be_solved_and_doing_nothing_does_not(suite: Mixed) -> None:
    assert await check_suite(suite, count=12) == []


def test_a_folder_without_the_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        Mixed(tmp_path)
