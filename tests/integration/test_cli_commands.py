"""The reporting commands and the demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.cli import in_process
from support.fake_openai import FakeOpenAI, Reply

REPO = Path(__file__).parents[2]


def test_models_list(tmp_path: Path) -> None:
    ended = in_process("models", "list", folder=tmp_path)
    assert ended.code == 0
    assert "local:qwen2.5-coder-1.5b" in ended.out
    assert "missing" in ended.out
    known = {model["name"]: model for model in in_process(*JSON_LIST, folder=tmp_path).json}
    assert known["local:qwen2.5-coder-0.5b"]["state"] == "missing"
    assert known["local:qwen2.5-coder-0.5b"]["size"] == 491_400_064


JSON_LIST = ("models", "list", "--json")


def test_pulling_from_a_file_that_is_another(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"GGUF")
    line = ("models", "pull", "local:qwen2.5-coder-0.5b", "--source", str(wrong))
    ended = in_process(*line, folder=tmp_path)
    assert ended.code == 2
    assert ended.out == ""
    said, error = ended.err.splitlines()[:2]
    assert said.startswith("Fetching qwen2.5-coder-0.5b-instruct-q4_k_m.gguf, 491 MB, Apache-2.0")
    assert error.startswith("error: ")
    assert "4 bytes instead of 491400064" in error


def test_removing_what_is_not_there(tmp_path: Path) -> None:
    ended = in_process("models", "rm", "qwen2.5-coder-0.5b", folder=tmp_path)
    assert (ended.code, ended.out) == (0, "nothing to delete\n")


def test_broken_weights_are_one_line(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "lean-agent" / "models" / "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"GGUF")
    ended = in_process("ask", "hi", "--model", "local:qwen2.5-coder-0.5b", folder=tmp_path)
    assert ended.code == 2
    assert ended.err.startswith("error: broken weights: ")
    assert "lean-agent models pull qwen2.5-coder-0.5b" in ended.err
    ended = in_process("doctor", "--json", folder=tmp_path)
    assert ended.code == 1
    states = {check["name"]: check["state"] for check in ended.json["checks"]}
    assert states["local:qwen2.5-coder-0.5b"] == "broken"
    ended = in_process("models", "rm", "qwen2.5-coder-0.5b", "--json", folder=tmp_path)
    assert ended.json["bytes_freed"] == 4
    assert not file.exists()


def test_probe(server: FakeOpenAI, tmp_path: Path) -> None:
    def act(name: str, arguments: dict[str, str]) -> Reply:
        return Reply(text="", tool_calls=((name, json.dumps(arguments)),))

    server.say(
        act("calculator", {"expression": "48172 * 319"}),
        act("search", {"query": "melting point of gallium"}),
    )
    line = ("models", "probe", "openai:x", "--base-url", server.url, "--json")
    ended = in_process(*line, folder=tmp_path)
    assert ended.code == 0
    assert ended.json["action_format"] == "native"
    assert ended.json["outcomes"] == {"native": "ok"}
    assert ended.json["calls"] == len(server.chats) == 2


def test_doctor_never_shows_a_secret(tmp_path: Path) -> None:
    address = "http://user:hunter2secret@127.0.0.1:1/v1"
    ended = in_process("doctor", folder=tmp_path, OPENAI_BASE_URL=address)
    assert ended.code == 0
    assert "OPENAI_API_KEY" in ended.out
    assert "http://127.0.0.1:1/v1" in ended.out
    assert "sk-test" not in ended.out
    assert "hunter2secret" not in ended.out


def test_doctor_ends_with_1_where_something_needed_is_broken(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    ended = in_process("doctor", "--json", folder=tmp_path, LEAN_AGENT_LEDGER_DIR=str(file))
    assert ended.code == 1
    assert not ended.json["ok"]
    broken = [check for check in ended.json["checks"] if check["state"] == "broken"]
    assert [check["name"] for check in broken] == ["ledger"]
    assert "LEAN_AGENT_LEDGER_DIR" in broken[0]["hint"]


def test_doctor_leaves_nothing_behind(tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    in_process("doctor", folder=tmp_path)
    assert set(tmp_path.rglob("*")) == before


def test_tools_list(tmp_path: Path) -> None:
    ended = in_process("tools", "list", folder=tmp_path)
    assert ended.code == 0
    assert ended.err == ""
    rows = [line.split() for line in ended.out.splitlines()[1:]]
    always = [row[0] for row in rows if row[1] == "always"]
    assert always == ["calculator", "list_files", "plan", "python", "read_file"]
    assert {"shell", "write_file"} < {row[0] for row in rows if row[1] == "--tool"}
    names = [row[0] for row in rows]
    corpus = ("--corpus", str(REPO / "examples" / "corpus"), "--json")
    specs = in_process("tools", "list", *corpus, folder=tmp_path).json
    assert {spec["name"] for spec in specs} == {*names, "search"}
    assert all(spec["parameters"]["type"] == "object" for spec in specs)


@pytest.fixture
def spent(server: FakeOpenAI, tmp_path: Path) -> Path:
    """A folder whose ledger holds a run of an unpriced model."""
    server.say(Reply(text="four", cached_tokens=4))
    line = ("ask", "hi", "--model", "openai:x", "--base-url", server.url, "--quiet")
    assert in_process(*line, folder=tmp_path).code == 0
    return tmp_path


@pytest.mark.slow
def test_ledger(spent: Path) -> None:
    def asked(*line: str) -> Any:
        ended = in_process("ledger", *line, "--json", folder=spent)
        assert ended.code == 0
        return ended.json

    (run,) = asked("runs")
    (total,) = asked("summary")
    (step,) = asked("show", run["run_id"][:8])["steps"]
    (entry,) = step["calls"]
    assert total["model"] == "openai:x"
    assert total["output_tokens"] == run["output_tokens"] == entry["output_tokens"] == 1
    assert total["cost"] is None
    counted = asked(
        "sql",
        "select count(*) as n, 1.50::decimal(9,2) as m, 'nan'::float from entries"
        " where operation = 'chat'",
    )
    assert counted["columns"][:2] == ["n", "m"]
    assert counted["rows"] == [[1, "1.50", None]]
    for by in ("model", "day", "purpose", "run", "mode"):
        assert len(asked("summary", "--by", by)) == 1


@pytest.mark.slow
def test_ledger_tables(spent: Path) -> None:
    for line in (["summary"], ["runs"]):
        ended = in_process("ledger", *line, folder=spent)
        head, row = ended.out.splitlines()
        assert head.split()[-1] == "COST"
        assert row.endswith("unknown (unpriced)")
        assert ended.err == ""
    run = in_process("ledger", "runs", folder=spent).out.splitlines()[1].split()[0]
    assert "openai:x" in in_process("ledger", "show", run, folder=spent).out
    ended = in_process("ledger", "sql", "select '[bold]' || chr(27) || '[2J' as a", folder=spent)
    assert ended.out == "a\n[bold][2J\n"


@pytest.mark.slow
def test_an_empty_ledger_and_wrong_questions(tmp_path: Path) -> None:
    ended = in_process("ledger", "summary", folder=tmp_path)
    assert (ended.code, ended.out) == (0, "")
    assert "the ledger is empty" in ended.err
    assert in_process("ledger", "runs", "--json", folder=tmp_path).json == []
    for line in (["show", "nothing"], ["sql", "select * from nowhere"], ["sql", ""]):
        ended = in_process("ledger", *line, folder=tmp_path)
        assert ended.code == 1
        assert ended.err.startswith("error: ")
        assert "hint: " in ended.err


def test_demo_shows_every_number(server: FakeOpenAI, tmp_path: Path) -> None:
    memory = tmp_path / "state" / "lean-agent" / "action_formats.json"
    memory.parent.mkdir(parents=True)
    memory.write_text(json.dumps({f"openai:x {server.url}": "native"}))
    server.say(
        Reply(text="", tool_calls=(("search", '{"query": "40 cm telescope one night price"}'),)),
        Reply(text="", tool_calls=(("calculator", '{"expression": "7 * 68"}'),)),
        Reply(text="476 euros", cached_tokens=30),
    )
    ended = in_process("demo", "--model", "openai:x", "--base-url", server.url, folder=tmp_path)
    assert (ended.code, ended.out) == (0, "476 euros\n")
    facts = dict(line.split(maxsplit=1) for line in ended.err.splitlines() if line.split()[1:])
    assert facts["steps"] == "3 model calls, 2 tool calls"
    assert facts["mode"].startswith("agent (")
    assert " uncached / 30 cached / " in facts["tokens"]
    assert facts["cost"] == "unknown (unpriced)"
    assert facts["time"].endswith(" s")
    assert "How to go on:" in ended.err
    sent = [m["content"] for m in server.chats[-1].body["messages"] if m["role"] == "tool"]
    assert "68 euros for one night" in sent[0]
    assert "476" in sent[1]
