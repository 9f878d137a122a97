"""``lean-agent trajectory`` as people and programs use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import in_process
from support.trajectories import acted, answered, trajectory, used

from lean_agent.trajectory.files import read_trajectories, write_trajectories

EPISODE = {
    "env": "GoTo", "seed": 1, "mission": "go to the red ball", "actions": [2, 3], "n_steps": 2,
    "reward": 0.9, "max_steps": 64, "success": True,
}  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    steps = [
        acted(0, "ada", "no such page", is_error=True, usage=used(10, 5, "0.01")),
        acted(1, "byron", "Ada, daughter", thought="Ask for him.", usage=used(20, 5, "0.02")),
        answered(2, "Ada", usage=used(30, 5, "0.03")),
    ]
    whole = used(60, 15, "0.06")
    write_trajectories(
        tmp_path / "kept.jsonl",
        [
            trajectory(steps, id="run:1", answers=["Ada"], output="Ada", usage=whole),
            trajectory(9, id="run:2", entities_required=10, entities_found=2),
            trajectory(3, id="other", passed=False, reward=0.0),
        ],
    )
    return tmp_path / "kept.jsonl"


def test_list(kept: Path, tmp_path: Path) -> None:
    ended = in_process("trajectory", "list", str(kept), folder=tmp_path)
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines()] == ["ID", "run:1", "run:2", "other"]
    ended = in_process("trajectory", "list", str(kept), "-n", "1", "--json", folder=tmp_path)
    (row,) = ended.json
    assert row == {
        "id": "run:1", "passed": True, "reward": 1.0, "turns": 3, "actions": 2, "tokens": 75,
        "cost": "0.06", "question": "Who?",
    }  # fmt: skip


def test_show(kept: Path, tmp_path: Path) -> None:
    ended = in_process("trajectory", "show", str(kept), "run:1", folder=tmp_path)
    assert ended.code == 0
    for line in (
        "passed, reward 1; 3 turns, 2 actions, 75 tokens",
        "    error: no such page",
        "  wasted: a dead end, 15 tokens, $0.01",
        "  thinks: Ask for him.",
        "Answer: Ada",
    ):
        assert line in ended.out.splitlines()
    ended = in_process("trajectory", "show", str(kept), "oth", "--json", folder=tmp_path)
    assert ended.json["id"] == "other"


@pytest.mark.parametrize(
    ("name", "told"), [("run", "several ids begin with run"), ("nope", "no trajectory nope in")]
)
def test_show_needs_one(name: str, told: str, kept: Path, tmp_path: Path) -> None:
    ended = in_process("trajectory", "show", str(kept), name, folder=tmp_path)
    assert ended.code == 2
    assert ended.err.startswith(f"error: {told}")


def test_a_terminal_obeys_nothing_of_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "evil.jsonl"
    write_trajectories(path, [trajectory([acted(0, "\x1b[2J", "\x1b]0;x\x07")], id="\x9b2J")])
    for command in (("list",), ("show", "--full")):
        name = ("\x9b2J",) if command[0] == "show" else ()
        ended = in_process(
            "trajectory", command[0], str(path), *name, *command[1:], folder=tmp_path
        )
        assert ended.code == 0
        assert not {"\x1b", "\x9b", "\x07"} & set(ended.out)


def test_stats(kept: Path, tmp_path: Path) -> None:
    ended = in_process("trajectory", "stats", str(kept), "--waste", folder=tmp_path)
    assert ended.code == 0
    assert "0.06 and 2 unknown" in ended.out
    assert "1 wrote the correct answer at some time; 0 tokens on average after" in ended.out
    found = in_process("trajectory", "stats", str(kept), "--json", folder=tmp_path).json
    assert (found["trajectories"], found["passed"], found["known_cost"]) == (3, 2, "0.06")
    assert (found["isr"], found["with_entities"], found["waste"]) == (0.2, 1, None)
    assert found["groups"] == {"desirable": 1, "undesirable": 1, "dropped": 1}


def test_filter(kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "good.jsonl"
    ended = in_process("trajectory", "filter", str(kept), "-o", str(out), folder=tmp_path)
    assert ended.code == 0
    assert ended.err.splitlines()[1:] == [
        "  1 did not pass",
        "  1 found too few of the required entities",
    ]
    assert [item.id for item in read_trajectories(out)] == ["run:1"]
    ended = in_process(
        "trajectory", "filter", str(kept), "-o", str(out), "--alpha", "0.1", "--json",
        folder=tmp_path,
    )  # fmt: skip
    assert ended.json["verdicts"] == {"kept": 2, "failed": 1}
    assert [item.id for item in read_trajectories(out)] == ["run:1", "run:2"]


def test_import(tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "out.jsonl"
    log.write_text(json.dumps(EPISODE) + "\n")
    arguments = ("trajectory", "import", str(log), "--out", str(out))
    ended = in_process(*arguments, "--estimate-tokens", folder=tmp_path)
    assert (ended.code, ended.out) == (0, "")
    (found,) = read_trajectories(out)
    assert found.usage.estimated
    log.write_text(json.dumps(EPISODE) + "\n" + json.dumps(EPISODE | {"n_steps": 9}) + "\n{\n")
    ended = in_process(*arguments, folder=tmp_path)
    assert ended.code == 1
    first, second, third = ended.err.splitlines()
    assert first.startswith("1 of 3 records written to")
    assert second.endswith("log.jsonl, line 2: n_steps is 9, but there are 2")
    assert "line 3: it is not JSON" in third
    ended = in_process(*arguments, "--json", folder=tmp_path)
    assert ended.code == 1
    assert (ended.json["records"], ended.json["taken"]) == (3, 1)
    assert [item["line"] for item in ended.json["refused"]] == [2, 3]


@pytest.mark.parametrize("form", ["chat", "dpo", "kto"])
def test_export(form: str, kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "train.jsonl"
    arguments = ("trajectory", "export", str(kept), "--format", form, "-o", str(out))
    ended = in_process(*arguments, "--json", folder=tmp_path)
    assert ended.code == 0
    # run:1 is desirable, run:2 takes 9 turns, and all three are attempts at one task.
    assert ended.json["examples"] == {"chat": 2, "dpo": 2, "kto": 2}[form]
    assert len(out.read_text().splitlines()) == 2
    assert (tmp_path / "train.jsonl.card.md").read_text().startswith("# train.jsonl")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("list", "nowhere.jsonl"), "nowhere.jsonl cannot be read: No such file or directory"),
        (("stats", "."), ". cannot be read: Is a directory"),
        (("stats", "bad.jsonl"), "bad.jsonl, line 2 is no trajectory: Invalid JSON"),
        (("show", "bad.jsonl", "zzz"), "bad.jsonl, line 2 is no trajectory: Invalid JSON"),
        (("filter", "bad.jsonl", "-o", "x"), "bad.jsonl, line 2 is no trajectory: Invalid JSON"),
        (("export", "bad.jsonl", "-o", "x"), "bad.jsonl, line 2 is no trajectory: Invalid JSON"),
        (("filter", "bad.jsonl", "-o", "."), "this is a folder: ."),
        (("filter", "bad.jsonl", "-o", "no/x"), "no such folder: "),
        (("export", "bad.jsonl", "-o", "bad.jsonl"), "--out would write over bad.jsonl"),
        (("import", "bad.jsonl", "-o", "./bad.jsonl"), "--out would write over bad.jsonl"),
        (("filter", "bad.jsonl"), "missing option '--out' / '-o'"),
        (("filter", "bad.jsonl", "-o", "x", "--alpha", "2"), "invalid value for '--alpha'"),
        (("import", "bad.jsonl", "-o", "x"), "bad.jsonl is in none of the formats"),
        (("import", "bad.jsonl", "-o", "x", "--format", "y"), "no such format: y"),
        (
            ("import", "bad.jsonl", "-o", "x", "--format", "babyai-actions"),
            "no record of bad.jsonl",
        ),
        (("export", "bad.jsonl", "-o", "x", "--format", "y"), "invalid value for '--format'"),
    ],
)
def test_bad_input_is_told_in_one_line(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.jsonl").write_text(f"{trajectory().to_line()}\nnot JSON\n")
    ended = in_process("trajectory", *arguments, folder=tmp_path)
    assert ended.code == 2
    line, *hints = ended.err.splitlines()
    assert line.startswith(f"error: {told}")
    assert all(hint.startswith("hint: ") for hint in hints)
    assert {item.name for item in tmp_path.iterdir() if item.is_file()} == {"bad.jsonl"}
