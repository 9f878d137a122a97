from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.eval_runs import config
from support.outcomes import outcome

from lean_agent import Budget, ConfigurationError, Usage
from lean_agent_evals.config import RunConfig, price_table_hash
from lean_agent_evals.json_lines import JsonLines, read_lines
from lean_agent_evals.results import ResultsFolder, key_of, read_outcomes


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    made = ResultsFolder(tmp_path)
    made.write_config(config())
    return made


def test_a_configuration_is_plain_json_and_comes_back() -> None:
    asked = config(
        arms=("auto", "agent"),
        budget=Budget(usd="0.10", tokens=5),
        sample_budget=Budget(seconds=1.5, steps=3),
        failure_cost=2.5,
        quality_floor=0.4,
    )
    text = json.dumps(asked.to_dict())
    assert '"usd": "0.10"' in text
    assert RunConfig.from_dict(json.loads(text)) == asked


@pytest.mark.parametrize(
    "wrong",
    [
        {"split": "train"},
        {"count": 0},
        {"epochs": 0},
        {"concurrency": 0},
        {"arms": ()},
        {"arms": ("auto", "auto")},
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"failure_cost": float("inf")},
        {"quality_floor": -0.1},
        {"quality_floor": 1.1},
        {"quality_floor": float("nan")},
        {"budget": Budget(steps=5)},
        {"budget": Budget(seconds=5)},
    ],
)
def test_a_wrong_configuration_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        config(**wrong)


def test_as_many_attempts_at_once_as_the_engine_has_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAN_AGENT_ENGINE_SLOTS", "5")
    assert config(model="local:qwen2.5-coder-0.5b", concurrency=None).slots == 5
    assert config(model="openai:gpt-x", concurrency=None).slots == 8
    assert config(model="local:qwen2.5-coder-0.5b", concurrency=3).slots == 3


def test_the_hash_is_of_the_prices(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    without = price_table_hash(path)
    path.write_text('[models."a:b"]\ninput = "1"\noutput = "2"\n')
    assert len(without) == 64
    assert price_table_hash(path) != without
    assert price_table_hash(path) == price_table_hash(path)


def test_what_changed_since_a_run_began_is_told(folder: ResultsFolder) -> None:
    path = folder.path / "config.json"
    written = json.loads(path.read_text())
    assert written["lean_agent_version"]
    assert written["price_table_sha256"] == price_table_hash()
    path.write_text(json.dumps(written | {"lean_agent_version": "0.0.1"}))
    (told,) = folder.write_config(config())
    assert told.startswith("lean_agent_version was 0.0.1 when this run was begun, it is ")


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"suite": "x", "arms": 5}', "not json"])
def test_a_broken_configuration_is_told(folder: ResultsFolder, text: str) -> None:
    (folder.path / "config.json").write_text(text)
    with pytest.raises(ConfigurationError):
        folder.config()


def test_of_two_outcomes_of_an_attempt_the_later_counts(folder: ResultsFolder) -> None:
    first = outcome("t", ending="infrastructure", passed=False)
    folder.append(first, {})
    folder.append(outcome("u"), {})
    folder.append(outcome("t"), {"output": "yes"})
    found = read_outcomes(folder.path)
    assert list(found.values()) == [outcome("t"), outcome("u")]
    assert key_of(first) in found


def test_a_line_cut_off_by_a_kill_is_left_out_and_then_removed(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    long = "x" * 200_000
    path.write_bytes(b'{"a": 1}\n{"b": "' + long.encode())
    assert list(read_lines(path)) == [{"a": 1}]
    lines = JsonLines(path, sync=True)
    lines.append({"c": 3})
    lines.close()
    lines.append({"d": "\ud800"})
    lines.close()
    assert list(read_lines(path)) == [{"a": 1}, {"c": 3}, {"d": "?"}]


def test_a_file_that_is_all_one_cut_off_line_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"x" * 100_000)
    lines = JsonLines(path)
    lines.append({"a": 1})
    lines.close()
    assert path.read_text() == '{"a":1}\n'


def test_foreign_lines_are_told_with_their_number(folder: ResultsFolder) -> None:
    path = folder.path / "outcomes.jsonl"
    path.write_text('{"task_id": "t"}\n')
    with pytest.raises(ConfigurationError, match="line 1 is not an outcome"):
        read_outcomes(folder.path)
    path.write_text("[]\n")
    with pytest.raises(ConfigurationError, match="line 1 is no JSON object"):
        read_outcomes(folder.path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ending": "odd"},
        {"epoch": "x"},
        {"value": float("nan")},
        {"value": 2},
        {"steps": None},
        {"flops": "x"},
        {"usage": Usage(input_tokens=-1).to_dict()},
        {"usage": Usage().to_dict() | {"output_tokens": "many"}},
        {"usage": Usage().to_dict() | {"cost": "NaN"}},
        {"judge": Usage().to_dict() | {"cost": "-1"}},
    ],
)
def test_an_outcome_that_no_figure_can_be_made_of_is_told(
    folder: ResultsFolder, wrong: dict[str, Any]
) -> None:
    line = outcome("t").to_dict() | wrong
    (folder.path / "outcomes.jsonl").write_text(json.dumps(line) + "\n")
    (name,) = wrong
    with pytest.raises(ConfigurationError, match=f"line 1 is not an outcome: .*{name} is"):
        read_outcomes(folder.path)


def test_a_foreign_line_among_the_calls_is_told(folder: ResultsFolder) -> None:
    (folder.path / "calls.jsonl").write_text('{"arm": "agent"}\n')
    with pytest.raises(ConfigurationError, match=r"calls\.jsonl, line 1 is not a call"):
        folder.earlier_calls(set())


def test_the_table_has_a_row_an_attempt_with_exact_money(folder: ResultsFolder) -> None:
    usage = Usage(
        input_tokens=10,
        output_tokens=3,
        cost=Decimal("0.123456789012345678"),
        provenance=frozenset({"measured", "estimated"}),
    )
    folder.append(outcome("t", usage=usage), {})
    folder.append(outcome("u", cost=None, passed=False), {})
    folder.write_table()
    table = str(folder.path / "outcomes.parquet")
    columns = "task_id, passed, input_tokens, cost, provenance, judge_cost"
    rows = duckdb.read_parquet(table).project(columns).fetchall()
    assert rows == [
        ("t", True, 10, Decimal("0.123456789012345678"), ["estimated", "measured"], Decimal(0)),
        ("u", False, 0, None, ["measured"], Decimal(0)),
    ]
    left = {path.name for path in folder.path.iterdir()}
    assert left == {"config.json", "outcomes.jsonl", "outcomes.parquet", "trajectories.jsonl"}
