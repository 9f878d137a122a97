"""What goes wrong with the ledger commands is one line and a hint; the entries stay as they are."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.cli import LEAN_AGENT, environment, in_process
from support.ledgers import write_runs


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "lean-agent" / "ledger"
    write_runs(folder)
    return folder


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (["summary", "--since", "yesterday"], 2, "'yesterday' is no time such as 2026-11-01"),
        (["summary", "--until", "2026-13-01"], 2, "'2026-13-01' is no time"),
        (["summary", "--since", "999999d"], 2, "'999999d' is no time"),
        (["summary", "--since", "-1d"], 2, "'-1d' is no time"),
        (["summary", "--by", "moon"], 2, "--by"),
        (["runs", "-n", "0"], 2, "--limit"),
        (["show", "zz"], 1, "the ledger has no run 'zz'"),
        (["show", ""], 1, "the ledger has no run ''"),
        (["show"], 2, "missing argument 'RUN'"),
        (["sql", ""], 1, "empty"),
        (["sql", "drop table entries"], 1, ""),
        (["reprice"], 2, "missing option '--prices'"),
        (["reprice", "--prices", "nowhere.toml"], 2, "no such file: nowhere.toml"),
        (["export", "--format", "xml"], 2, "'xml' is not one of"),
        (["export", "--format", "parquet"], 2, "parquet needs a file"),
        (["export", "--out", "/nowhere/at/all.jsonl"], 2, "no such folder: /nowhere/at"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_bad_input(line: list[str], code: int, words: str, ledger: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in ledger.rglob("*.jsonl")}
    ended = in_process("ledger", *line, folder=tmp_path)
    assert (ended.code, ended.out) == (code, "")
    error, hint = ended.err.splitlines()
    assert error.startswith("error: ")
    assert words in error
    assert hint.startswith("hint: ")
    assert {path: path.read_bytes() for path in ledger.rglob("*.jsonl")} == before


@pytest.mark.parametrize(
    "line", [["summary"], ["runs"], ["show", "a1b2"], ["sql", "select 1 as a"]]
)
def test_what_is_left_out_is_told(line: list[str], ledger: Path, tmp_path: Path) -> None:
    (segment,) = (ledger / "segments").iterdir()
    with segment.open("ab") as file:
        file.write(b'{"id":"torn')
    (ledger / "segments" / "20990101T000000000000Z-1-aaaaaaaa.jsonl").write_text("no header\n")
    ended = in_process("ledger", *line, folder=tmp_path)
    assert ended.code == 0
    notes = ended.err.splitlines()
    assert len(notes) == 2
    assert all(note.startswith("note: ") and "skipped" in note for note in notes)
    assert any("unreadable line" in note for note in notes)


@pytest.mark.parametrize("options", [[], ["--flat"], ["--json"]])
def test_a_row_that_says_next_to_nothing(options: list[str], ledger: Path, tmp_path: Path) -> None:
    (segment,) = (ledger / "segments").iterdir()
    with segment.open("ab") as file:
        least = {"id": "x", "run_id": "empty", "operation": "chat", "purpose": "act"}
        file.write(f"{json.dumps(least)}\n".encode())
    ended = in_process("ledger", "show", "empty", *options, folder=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert len(ended.out.splitlines()) > 1
    assert in_process("ledger", "runs", folder=tmp_path).code == 0


def test_prices_that_are_wrong(ledger: Path, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[models."openai:gpt-5-mini"]\ninput = "cheap"\noutput = "1"\n')
    ended = in_process("ledger", "reprice", "--prices", str(prices), folder=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert "prices.toml" in ended.err.splitlines()[0]


def limited(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``command`` where no file may grow beyond a kilobyte, as on a full disk."""
    return subprocess.run(
        ["bash", "-c", f"ulimit -f 1; '{LEAN_AGENT}' ledger {command}"],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", ["export --out all.jsonl", "export", "compact"])
def test_a_full_disk(command: str, ledger: Path, tmp_path: Path) -> None:
    done = limited(command, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert not (tmp_path / "all.jsonl").exists()
    assert len(in_process("ledger", "runs", "--json", folder=tmp_path).json) == 2


@pytest.mark.slow
def test_a_report_does_without_a_compaction_that_fails(ledger: Path, tmp_path: Path) -> None:
    for number in range(120):
        (ledger / "segments" / f"20260101T000000{number:06}Z-1-aaaaaaaa.jsonl").write_text(
            '{"schema_version": 2, "created": 0, "pid": 1}\n'
        )
    done = limited("runs", tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 3
    told = done.stderr.splitlines()
    assert told[0] == "compacting the ledger ..."
    assert told[1].startswith("note: the ledger in ")
    assert "could not be compacted" in told[1]
    ended = in_process("ledger", "runs", folder=tmp_path)
    assert ended.err == "compacting the ledger ...\n"
    assert ended.out == done.stdout
    assert in_process("ledger", "runs", folder=tmp_path).err == "", "once is enough"


@pytest.mark.slow
def test_export_to_a_full_standard_output(ledger: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        f"'{LEAN_AGENT}' ledger export > /dev/full",
        shell=True,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")
