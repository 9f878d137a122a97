"""What the reporting commands of the ledger print, to the letter."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pexpect
import pytest
from support.cli import LEAN_AGENT, Ended, environment, in_process
from support.ledger_rows import entry, write
from support.ledgers import AGENT_RUN, INSTANT_RUN, used, write_runs

from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.usage import Usage


def ledger_in(folder: Path) -> Path:
    return folder / "data" / "lean-agent" / "ledger"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_runs(ledger_in(tmp_path))
    return tmp_path


def ledger(*line: str, folder: Path) -> Ended:
    ended = in_process("ledger", *line, folder=folder)
    assert ended.code == 0, ended.err
    return ended


def printed(*line: str, folder: Path) -> str:
    ended = ledger(*line, folder=folder)
    assert ended.err == ""
    return ended.out


SHOWN = """\
a1b2c3d4a1b2  agent  limit_exceeded  6.5 s  2,785 tokens  ~$0.00225
openai:gpt-5-mini  1,120 tokens saved by the response cache
├── step 1
│   ├── act  no tokens  0.40 s  $0  rate_limit
│   └── act  try 2  1,020 uncached + 0 cached + 45 out  1.25 s  $0.00125
│       ├── search  0.02 s  done
│       └── calculator  0.00 s  failed
├── step 2
│   └── act  1,120 tokens saved by the response cache  0.00 s  $0  list $0.0004
├── step 3
│   └── answer  300 uncached + 900 cached + 120 out  2.50 s  ~$0.0009  length
└── step 4
    └── verify  400 uncached + 0 cached + 0 out  at least ~$0.0001  unfinished
"""

SUMMED = """\
MODEL                     CALLS  UNCACHED  CACHED  OUTPUT   SEC  SAVED  OPEN  LIST      COST
openai:gpt-5-mini             5     1,720     900     165  4.15  1,120     1  $0.00265  ~$0.00225
-                             2         0       0       0  0.02      0     0  $0        $0
local:qwen2.5-coder-1.5b      1       210       0      12  0.80      0     0  $0        $0 (self-hosted)
"""  # noqa: E501


def test_a_run_as_a_tree(folder: Path) -> None:
    assert printed("show", "a1b2", folder=folder) == SHOWN
    assert max(map(len, SHOWN.splitlines())) <= 80
    assert printed("show", INSTANT_RUN, folder=folder) == (
        "0f1e2d3c0f1e  instant  completed  0.9 s  222 tokens  $0 (self-hosted)\n"
        "local:qwen2.5-coder-1.5b\n"
        "└── step 1\n"
        "    └── answer  210 uncached + 0 cached + 12 out  0.80 s  $0 (self-hosted)\n"
    )


def test_a_run_nested_and_flat_as_json(folder: Path) -> None:
    run = json.loads(printed("show", "a1b2", "--json", folder=folder))
    assert (run["run_id"], run["status"], run["seconds"]) == (AGENT_RUN, "limit_exceeded", 6.5)
    assert (run["calls"], run["cost"], run["saved_tokens"]) == (7, "0.00225", 1_120)
    assert [len(step["calls"]) for step in run["steps"]] == [2, 1, 1, 1]
    tools = run["steps"][0]["calls"][1]["tools"]
    assert [tool["tool"] for tool in tools] == ["search", "calculator"]
    flat = json.loads(printed("show", "a1b2", "--json", "--flat", folder=folder))
    assert [row["operation"] for row in flat].count("execute_tool") == 2
    assert len(flat) == 8
    table = printed("show", "a1b2", "--flat", folder=folder).splitlines()
    assert table[0].split() == ["TIME", "STEP", "PURPOSE", "WHAT", "TRY", "UNCACHED", "CACHED",
                                "OUTPUT", "SEC", "END", "LIST", "COST"]  # fmt: skip
    assert len(table) == 9
    assert [line.split()[-2:] for line in table if "served" in line] == [["$0.0004", "$0"]]
    other = printed("show", INSTANT_RUN, "--flat", folder=folder).splitlines()
    assert "LIST" not in other[0]


def test_totals(folder: Path) -> None:
    assert printed("summary", folder=folder) == SUMMED
    days = printed("summary", "--by", "day", folder=folder).splitlines()
    assert [line.split()[0] for line in days] == ["DAY", "2026-11-01", "2026-11-02"]
    assert [row["purpose"] for row in json.loads(
        printed("summary", "--by", "purpose", "--json", folder=folder)
    )] == ["act", "answer", "verify", "tool"]  # fmt: skip


@pytest.mark.parametrize(
    ("by", "kept", "which"),
    [("run", AGENT_RUN, "dearest"), ("day", "2026-11-02", "newest")],
)
def test_a_limit_keeps_the_first_and_says_that_there_are_more(
    by: str, kept: str, which: str, folder: Path
) -> None:
    ended = ledger("summary", "--by", by, "--limit", "1", "--json", folder=folder)
    assert [row[by] for row in ended.json] == [kept]
    assert ended.err == f"note: these are the 1 {which}; there are more, see --limit\n"
    rows = ledger("summary", "--by", by, "-n", "2", "--json", folder=folder)
    assert (len(rows.json), rows.err) == (2, "")


@pytest.mark.slow
def test_of_many_runs_fifty_are_summed_unless_more_are_asked_for(tmp_path: Path) -> None:
    runs = Ledger(ledger_in(tmp_path))
    for number in range(60):
        runs.append(
            Entry(run_id=f"r{number}", operation="chat", purpose="act", usage=used(str(number)))
        )
    runs.close()
    dearest = [f"r{number}" for number in range(59, -1, -1)]
    ended = ledger("summary", "--by", "run", "--json", folder=tmp_path)
    assert [row["run"] for row in ended.json] == dearest[:50]
    assert "the 50 dearest" in ended.err
    ended = ledger("summary", "--by", "run", "--limit", "60", "--json", folder=tmp_path)
    assert [row["run"] for row in ended.json] == dearest
    assert ended.err == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        ["summary"],
        ["runs"],
        ["show", AGENT_RUN],
        ["sql", "select count(*) from entries"],
        ["export"],
        ["reprice", "--prices", "prices.toml"],
    ],
    ids=lambda line: line[0],
)
def test_every_report_compacts_what_has_grown_and_says_once_what_was_damaged(
    line: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    Path("prices.toml").write_text("[models]\n")
    segments = ledger_in(folder) / "segments"
    for number in range(100):
        (segments / f"20200101T{number:06}-1-a.jsonl").write_text('{"schema_version": 2}\n')
    torn = segments / "20200102T000000-1-a.jsonl"
    torn.write_text('{"schema')
    ended = ledger(*line, folder=folder)
    assert ended.err.splitlines() == [
        "compacting the ledger ...",
        f"note: {torn.name}: no readable header: kept in {segments.parent / 'damaged' / torn.name}",
    ]
    assert list(segments.iterdir()) == []
    assert printed(*line, folder=folder) == ended.out


def test_columns_that_would_say_nothing_are_left_out(folder: Path) -> None:
    only_local = printed("summary", "--since", "2026-11-02", folder=folder)
    assert only_local.splitlines()[0].split() == [
        "MODEL", "CALLS", "UNCACHED", "CACHED", "OUTPUT", "SEC", "COST",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("period", "models"),
    [
        (["--since", "2026-11-01T12:00:06"], ["openai:gpt-5-mini", "local:qwen2.5-coder-1.5b"]),
        (["--since", "2026-11-01T12:00:06", "--until", "2026-11-02"], ["openai:gpt-5-mini"]),
        (["--until", "2026-11-02T12:00+00:00"], ["openai:gpt-5-mini", None]),
        (["--until", "2026-11-02T14:00+02:00"], ["openai:gpt-5-mini", None]),
        (["--since", "2030-01-01"], []),
        (["--until", "0001-01-01"], []),
    ],
)
def test_periods(period: list[str], models: list[Any], folder: Path) -> None:
    ended = ledger("summary", *period, "--json", folder=folder)
    assert [row["model"] for row in ended.json] == models
    if not models:
        told = ledger("summary", *period, folder=folder)
        assert (told.out, told.err) == ("", "the ledger has no entries in that time\n")


def test_runs_and_how_they_ended(folder: Path) -> None:
    assert printed("runs", folder=folder) == (
        "RUN       STARTED (UTC)        MODE     STATUS          STEPS  TOKENS   SEC  COST\n"
        "0f1e2d3c  2026-11-02 12:00:00  instant  completed           1     222  0.90"
        "  $0 (self-hosted)\n"
        "a1b2c3d4  2026-11-01 12:00:00  agent    limit_exceeded      4   2,785  6.50  ~$0.00225\n"
    )
    (newest,) = json.loads(printed("runs", "-n", "1", "--json", folder=folder))
    assert newest["run_id"] == INSTANT_RUN


@pytest.mark.slow
def test_a_terminal_of_80_columns_folds_words_and_no_numbers(folder: Path) -> None:
    script = "; ".join(f"'{LEAN_AGENT}' ledger {what}" for what in ("show a1", "summary"))
    # Without colour, to compare; that lines are dim or bold is another matter.
    program: Any = pexpect  # which has no types
    child = program.spawn(
        "bash",
        ["-c", script],
        env=environment(folder, TERM="xterm", NO_COLOR="1", COLUMNS="80"),
        dimensions=(50, 80),
        encoding="utf-8",
        timeout=30,
    )
    lines = child.read().replace("\r\n", "\n").splitlines()
    assert "\n".join(lines).startswith(SHOWN)
    assert max(map(len, lines)) <= 80
    assert any("CALLS  UNCACHED  CACHED  OUTPUT" in line for line in lines)
    for number in ("1,720", "4.15", "$0.00265", "~$0.00225", "1,120"):
        assert any(number in line.split() for line in lines), number


def test_unpriced_and_self_hosted_and_estimated_are_never_mixed_silently(tmp_path: Path) -> None:
    ledger_ = Ledger(ledger_in(tmp_path))
    known: dict[str, Any] = {"run_id": "r", "operation": "chat", "purpose": "answer"}
    for cost, provenance in (
        ("0.5", "measured"),
        ("0.25", "estimated"),
        ("0", "self_hosted"),
        (None, "unpriced"),
    ):
        usage = used(cost, provenance, uncached=10)  # pyright: ignore[reportArgumentType]
        ledger_.append(Entry(usage=usage, provider="openai", model=provenance, **known))
    ledger_.close()
    by_model = printed("summary", folder=tmp_path)
    for end in ("  $0.50", "  ~$0.25", "  $0 (self-hosted)", "  unknown (unpriced)"):
        assert any(line.endswith(end) for line in by_model.splitlines()), end
    (row,) = printed("summary", "--by", "purpose", folder=tmp_path).splitlines()[1:]
    assert row.endswith("  ~$0.75 + self-hosted + unknown")


@pytest.mark.slow
def test_reprice(folder: Path, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(
        '[models."openai:gpt-5-mini"]\ninput = "10"\noutput = "20"\n'
        '[machines."local:qwen2.5-coder-1.5b"]\nusd_per_hour = "3600"\n'
    )
    line = ("reprice", "--prices", str(prices))
    assert printed(*line, folder=folder) == (
        "MODEL                     CALLS  BILLED                   REPRICED  DIFFERENCE\n"
        "openai:gpt-5-mini             5  ~$0.00225                ~$0.0295     0.02725\n"
        "local:qwen2.5-coder-1.5b      1  $0 (self-hosted)         $0.80            0.8\n"
        "total                         6  ~$0.00225 + self-hosted  ~$0.8295     0.82725\n"
    )
    answer = json.loads(printed(*line, "--json", folder=folder))
    assert answer["total"]["repriced"] == "0.8295"
    assert [row["billed"] for row in answer["models"]] == ["0.00225", "0"]
    assert printed("show", "a1", folder=folder) == SHOWN, "the entries are as they were"


@pytest.mark.slow
def test_compact(folder: Path) -> None:
    before = printed("summary", folder=folder)
    done = json.loads(printed("compact", "--json", folder=folder))
    assert (done["segments"], done["entries"], done["problems"]) == (1, 10, [])
    assert printed("summary", folder=folder) == before
    assert printed("compact", folder=folder) == "nothing to compact\n"


def test_export_to_standard_output(folder: Path) -> None:
    lines = printed("export", folder=folder).splitlines()
    assert len(lines) == 10
    assert json.loads(lines[1])["cost"] == "0.00125"
    rows = list(csv.DictReader(io.StringIO(printed("export", "--format", "csv", folder=folder))))
    assert [row["run_id"] for row in rows].count(AGENT_RUN) == 8


@pytest.mark.slow
def test_export_to_a_file(folder: Path, tmp_path: Path) -> None:
    for format_ in ("parquet", "csv", "jsonl"):
        path = tmp_path / f"out.{format_}"
        line = ("export", "--format", format_, "--out", str(path))
        ended = ledger(*line, folder=folder)
        assert (ended.out, ended.err) == ("", f"10 entries written to {path}\n")
        assert ledger(*line, "--json", folder=folder).json["rows"] == 10
        assert path.stat().st_size > 500


def test_an_embedder_is_repriced_though_lists_have_no_price_of_its_output(tmp_path: Path) -> None:
    million = Usage(
        input_tokens=1_000_000, cost=Decimal("0.02"), provenance=frozenset({"measured"})
    )
    fields: dict[str, Any] = {"model": "text-embedding-3-small", "usage": million}
    write(ledger_in(tmp_path), entry(operation="embeddings", purpose="embed", **fields))
    prices = tmp_path / "prices.toml"
    prices.write_text("")
    answer = ledger("reprice", "--prices", str(prices), "--json", folder=tmp_path).json
    assert answer["total"]["repriced"] == answer["total"]["billed"] == "0.02"
