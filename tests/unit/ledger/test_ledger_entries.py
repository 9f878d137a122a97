"""Rows: flat, plain, free of secrets, and never refused by a JSON reader."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_agent.ledger import queries
from lean_agent.ledger.entries import Entry
from lean_agent.ledger.ledger import Ledger
from lean_agent.usage import Usage


def entry(**fields: Any) -> Entry:
    given_fields: dict[str, Any] = {
        "run_id": "run",
        "operation": "chat",
        "purpose": "answer",
        "usage": Usage(),
    }
    return Entry(**(given_fields | fields))


def test_a_row_is_flat_and_money_is_text() -> None:
    usage = Usage(
        input_tokens=100,
        output_tokens=20,
        cache_read_input_tokens=60,
        cache_creation_input_tokens=10,
        reasoning_output_tokens=5,
        cost=Decimal("1E-7"),
        provenance=frozenset({"measured", "estimated"}),
    )
    row = entry(usage=usage, provider="openai", model="m", attempt=2).to_row()

    assert row["input_tokens"] == 100
    assert row["uncached_input_tokens"] == 30
    assert row["cache_read_input_tokens"] == 60
    assert row["cache_creation_input_tokens"] == 10
    assert row["output_tokens"] == 20
    assert row["reasoning_output_tokens"] == 5
    assert row["cost"] == "0.0000001"
    assert row["provenance"] == "estimated+measured"
    assert row["attempt"] == 2
    assert all(v is None or isinstance(v, str | int | float) for v in row.values())


def test_an_unknown_cost_stays_unknown() -> None:
    assert entry(usage=Usage(cost=None)).to_row()["cost"] is None
    assert entry(usage=Usage(cost=Decimal("NaN"))).to_row()["cost"] is None


def test_every_column_of_a_row_can_be_queried(tmp_path: Path) -> None:
    columns, _ = queries.sql(tmp_path, "select * from entries")
    assert set(columns) == set(entry().to_row()) | {"time", "day"}


def test_ids_differ() -> None:
    assert entry().id != entry().id
    assert len(entry().id) == 32


@pytest.mark.parametrize("field", ["model", "provider", "tool", "error_type", "task_id"])
def test_keys_are_redacted_in_free_text(field: str) -> None:
    key = "sk-proj-" + "a1B2" * 8
    row = entry(**{field: f"before {key} after"}).to_row()
    assert key not in json.dumps(row)
    assert row[field] == "before [redacted] after"


def test_long_text_is_cut_after_it_was_redacted() -> None:
    key = "ghp_" + "x7" * 20
    row = entry(tool="t" * 240 + " " + key + " " + "t" * 1_000_000).to_row()
    assert len(row["tool"]) <= 256
    assert "ghp_x7" not in row["tool"]


def test_ordinary_names_stay_as_they_are() -> None:
    row = entry(
        model="qwen2.5-coder-1.5b-instruct-q4_k_m", error_type="rate_limit", task_id="task-0123-abc"
    ).to_row()
    assert row["model"] == "qwen2.5-coder-1.5b-instruct-q4_k_m"
    assert row["error_type"] == "rate_limit"
    assert row["task_id"] == "task-0123-abc"


texts = st.text(st.characters(exclude_categories=()), max_size=40)
times = st.none() | st.floats()


@given(texts, texts, times, times)
def test_any_text_and_any_number_gives_strict_json(
    model: str, tool: str, seconds: float | None, queue: float | None
) -> None:
    row = entry(model=model, tool=tool, seconds=seconds, queue_seconds=queue).to_row()
    line = json.dumps(row, allow_nan=False)
    assert "\n" not in line
    json.dumps(row, ensure_ascii=False).encode()  # raises on a lone surrogate


def test_odd_text_comes_back_from_the_queries(tmp_path: Path) -> None:
    odd = ['"}\n{"id":"x"}', "tab\tand\rand\u2028", "ünïcode 模型 😀", "nul\x00", "\\", "a\ud800b"]
    ledger = Ledger(tmp_path)
    for number, text in enumerate(odd):
        ledger.append(entry(model=text, step=number))
    ledger.close()

    _, rows = queries.sql(tmp_path, "select model from entries order by step")
    assert [row[0] for row in rows] == [*odd[:-1], "a?b"]
    assert queries.problems(tmp_path) == []
