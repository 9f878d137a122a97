from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.cli import Ended, in_process

from lean_agent.trajectory.episodes import Episode, Episodes

DAY = 86_400


@pytest.fixture
def episodes(tmp_path: Path) -> list[Episode]:
    """Two that are remembered: of today, and of last month."""
    made = [
        Episode(title=title, text=f"{title} 42\x1b[2J", run_id=f"run-{n}", remembered=when)
        for n, (title, when) in enumerate(
            (("New?", time.time()), ("Old?", time.time() - 30 * DAY)), 1
        )
    ]
    kept = Episodes(tmp_path / "data" / "lean-agent" / "memory" / "episodes")
    for episode in made:
        kept.add(episode)
    return made


def memory(*line: str, folder: Path) -> Ended:
    return in_process("memory", *line, folder=folder)


def left(folder: Path) -> list[str]:
    return [one["question"] for one in memory("list", "--json", folder=folder).json]


def test_what_is_remembered_is_shown(tmp_path: Path, episodes: list[Episode]) -> None:
    assert left(tmp_path) == ["New?", "Old?"]
    assert episodes[1].id in memory("list", folder=tmp_path).out
    shown = memory("show", episodes[0].id[:6], folder=tmp_path)
    assert (shown.code, "New? 42[2J" in shown.out) == (0, True)
    assert memory("show", episodes[0].id, "--json", folder=tmp_path).json["run_id"] == "run-1"


def test_some_of_it_is_forgotten(tmp_path: Path, episodes: list[Episode]) -> None:
    ended = memory("purge", "--older-than", "7", "--yes", folder=tmp_path)
    assert (ended.code, ended.err) == (0, "1 episode forgotten\n")
    assert left(tmp_path) == ["New?"]
    gone = memory("delete", episodes[0].id, "--json", folder=tmp_path).json
    assert gone == {"forgotten": [episodes[0].id]}
    assert left(tmp_path) == []
    assert memory("list", folder=tmp_path).err == "nothing is remembered\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (("show", "zz"), "no id begins with 'zz'"),
        (("delete", ""), "several ids begin with ''"),
        (("purge",), "what to forget is not said"),
        (("purge", "--all"), "there is nobody to ask"),
        (("purge", "--all", "--older-than", "3"), "what to forget is not said"),
    ],
)
def test_what_is_not_clear_forgets_nothing(
    line: tuple[str, ...], told: str, tmp_path: Path, episodes: list[Episode]
) -> None:
    ended = memory(*line, folder=tmp_path)
    assert (ended.code, told in ended.err) == (2, True)
    assert len(left(tmp_path)) == len(episodes)
