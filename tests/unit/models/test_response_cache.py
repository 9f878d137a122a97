from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lean_agent.errors import ConfigurationError
from lean_agent.messages import Message, ToolCall
from lean_agent.model import FinishReason, ModelRequest, ModelResponse, RunProgress, Timings
from lean_agent.models.response_cache import ResponseCache
from lean_agent.tool_spec import ToolSpec
from lean_agent.usage import Usage

ASK = ModelRequest(messages=(Message("user", "2+2?"),), temperature=0.0)
FOUR = ModelResponse(
    message=Message("assistant", "four"),
    usage=Usage(input_tokens=7, output_tokens=1, cost=None),
    finish_reason="stop",
    model="openai:test",
)


def spec(parameters: dict[str, Any]) -> ToolSpec:
    return ToolSpec(name="add", description="Adds.", parameters=parameters)


@pytest.fixture
def cache(tmp_path: Path) -> ResponseCache:
    return ResponseCache(tmp_path / "new" / "answers.sqlite")


def sql(cache: ResponseCache, statement: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(cache.path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def long_answer(size: int) -> ModelResponse:
    return replace(FOUR, message=Message("assistant", "x" * size))


# Answers

arguments = st.dictionaries(
    st.text(), st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
)
counts = st.integers(0, 10**9)
responses = st.builds(
    ModelResponse,
    message=st.builds(
        Message,
        st.just("assistant"),
        st.text(),
        st.lists(st.builds(ToolCall, st.text(), st.text(), arguments), max_size=2).map(tuple),
    ),
    usage=st.builds(
        Usage,
        input_tokens=counts,
        output_tokens=counts,
        cache_read_input_tokens=counts,
        cache_creation_input_tokens=counts,
        reasoning_output_tokens=counts,
        cost=st.none() | st.decimals(0, 100, places=18),
        provenance=st.frozensets(st.sampled_from(["measured", "estimated", "self_hosted"])),
    ),
    finish_reason=st.sampled_from(["stop", "tool_calls"]),
    model=st.text(),
    timings=st.builds(
        Timings, total=st.floats(0, 1e6), prompt=st.none() | st.floats(0, 1e6), output=st.none()
    ),
    request_id=st.none() | st.text(),
    usage_estimated=st.booleans(),
    malformed_tool_calls=st.lists(st.tuples(st.text(), st.text()), max_size=2).map(tuple),
)


@pytest.mark.slow
@settings(max_examples=50)
@given(response=responses)
def test_an_answer_comes_back_as_it_was(
    response: ModelResponse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = ResponseCache(tmp_path_factory.getbasetemp() / "round-trip.sqlite")
    cache.put("k", response)
    assert cache.get("k") == response
    assert cache.take_notices() == []


def test_what_no_file_takes_as_utf8_comes_back_too(cache: ResponseCache) -> None:
    odd = "\ud800 \x00 \n"
    call = ToolCall("c1", odd, {odd: odd})
    response = replace(FOUR, message=Message("assistant", odd, (call,)))
    cache.put("k", response)
    assert cache.get("k") == response


def test_nothing_is_made_before_an_answer_is_kept_and_only_its_owner_may_read_it(
    cache: ResponseCache,
) -> None:
    assert cache.get("k") is None
    cache.clear()
    assert not cache.path.parent.exists()
    old = os.umask(0)
    try:
        cache.put("k", FOUR)
    finally:
        os.umask(old)
    assert stat.S_IMODE(cache.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.path.parent.stat().st_mode) == 0o700
    assert cache.take_notices() == []


def test_the_prompt_is_not_kept(cache: ResponseCache) -> None:
    request = ModelRequest(messages=(Message("user", "my secret plan"),), temperature=0.0)
    cache.put(cache.key("openai:test", None, request), FOUR)
    kept = b"".join(path.read_bytes() for path in cache.path.parent.iterdir())
    assert b"four" in kept
    assert b"secret" not in kept


def test_a_later_answer_replaces_an_earlier_one_and_clear_forgets_all(cache: ResponseCache) -> None:
    cache.put("k", long_answer(500_000))
    cache.put("k", FOUR)
    cache.put("l", FOUR)
    assert cache.get("k") == FOUR
    cache.clear()
    assert cache.get("k") is cache.get("l") is None
    assert cache.path.stat().st_size < 100_000, "the room is given back"


# Keys

CHANGED = [
    {"messages": (Message("user", "2+3?"),)},
    {"messages": (Message("system", "2+2?"),)},
    {"messages": (Message("user", "2+"), Message("user", "2?"))},
    {"messages": (Message("assistant", "2+2?", (ToolCall("c1", "add", {"a": 1}),)),)},
    {"messages": (Message("tool", "2+2?", tool_call_id="c1"),)},
    {"tools": (spec({"type": "object"}),)},
    {"tools": (spec({"type": "object"}),), "tool_choice": "required"},
    {"tools": (spec({"type": "object", "title": "a"}),)},
    {"tools": (spec({"title": "a", "type": "object"}),)},
    {"max_output_tokens": 5},
    {"temperature": 0.5},
    {"temperature": None},
    {"seed": 0},
    {"stop": ("END",)},
    {"response_schema": {"type": "object"}},
    {"grammar": 'root ::= "a"'},
    {"not_beginning": "{"},
]


RUN = RunProgress(run_id="r1", retrievals=3, began=1.5)


def test_all_that_shapes_the_answer_is_in_the_key_and_nothing_else() -> None:
    key = ResponseCache.key
    plain = key("openai:test", "https://one.example/v1", ASK)
    same = (
        key("openai:test", "https://one.example/v1/", ASK),
        key("openai:test", "https://one.example/v1", replace(ASK, timeout=3.0, slot=1)),
        key("openai:test", "https://one.example/v1", replace(ASK, run=RUN)),
    )
    assert set(same) == {plain}
    others = [key("openai:test", "https://one.example/v1", replace(ASK, **c)) for c in CHANGED]
    others += [
        key("openai:other", "https://one.example/v1", ASK),
        key("mine:test", "https://one.example/v1", ASK),
        key("openai:test", "https://two.example/v1", ASK),
        key("openai:test", None, ASK),
    ]
    assert len({plain, *others}) == 1 + len(CHANGED) + 4
    assert len(plain) == 64


def test_keys_are_the_same_in_every_process() -> None:
    assert (
        ResponseCache.key("openai:test", None, ASK)
        == "987ff779fbf33b2b557c9e185f3e9cfd96ae9c67ea84369fcf7d3b106858d2a6"
    )


@pytest.mark.parametrize(
    ("changes", "reason", "expected"),
    [
        ({}, "stop", True),
        ({}, "tool_calls", True),
        ({"temperature": 0.7, "seed": 3}, "stop", True),
        ({"temperature": None, "seed": 0}, "stop", True),
        ({"temperature": 0.7}, "stop", False),
        ({"temperature": None}, "stop", False),
        ({}, "length", False),
        ({}, "content_filter", False),
        ({}, "aborted", False),
    ],
)
def test_only_whole_answers_to_repeatable_requests_are_worth_keeping(
    changes: dict[str, Any], reason: FinishReason, expected: bool
) -> None:
    assert (
        ResponseCache.keeps(replace(ASK, **changes), replace(FOUR, finish_reason=reason))
        is expected
    )


# Size


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "a.sqlite", max_bytes=400_000)
    for number in range(20):
        cache.put(str(number), long_answer(10_000))
    sql(cache, "UPDATE answers SET used = used - 86400")
    assert cache.get("0") is not None, "used again today"
    for number in range(20, 40):
        cache.put(str(number), long_answer(10_000))
        assert cache.path.stat().st_size < 450_000
        assert cache.get(str(number)) is not None, "the newest stays"
    assert cache.get("1") is None
    assert cache.get("0") is not None
    assert len(sql(cache, "SELECT key FROM answers")) > 25, "the room is used"


def test_an_answer_larger_than_the_cache_does_not_empty_it(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "a.sqlite", max_bytes=100_000)
    cache.put("k", FOUR)
    cache.put("huge", long_answer(200_000))
    assert cache.get("huge") is None
    assert cache.get("k") == FOUR


# Damage


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE answers SET answer = substr(answer, 1, 20) WHERE key = 'k'",
        "UPDATE answers SET answer = CAST(replace(CAST(answer AS TEXT), 'four', 'five') AS BLOB)"
        " WHERE key = 'k'",
        "UPDATE answers SET answer = 'text' WHERE key = 'k'",
        "UPDATE answers SET digest = 7 WHERE key = 'k'",
    ],
)
def test_a_damaged_row_is_no_answer_and_told_once(cache: ResponseCache, change: str) -> None:
    cache.put("k", FOUR)
    cache.put("l", FOUR)
    sql(cache, change)
    assert cache.get("k") is None
    assert cache.get("l") == FOUR
    assert cache.get("k") is None
    (notice,) = cache.take_notices()
    assert "damaged" in notice
    cache.put("k", FOUR)
    assert cache.get("k") == FOUR


def broken_file(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to look like one " * 100)


def torn_file(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (path.stat().st_size - 100))


def others_file(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE mine (a)")


def newer_file(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version = 99")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [broken_file, torn_file, others_file, newer_file, folder])
def test_a_file_that_is_no_cache_is_as_good_as_none_and_left_alone(
    cache: ResponseCache, damage: Any
) -> None:
    cache.put("k", FOUR)
    damage(cache.path)
    before = cache.path.read_bytes() if cache.path.is_file() else b""
    for _ in range(3):
        assert cache.get("k") is None
        cache.put("k", FOUR)
    (notice,) = cache.take_notices()
    assert str(cache.path) in notice
    assert "without it" in notice
    assert cache.take_notices() == []
    with pytest.raises(ConfigurationError, match="cannot be cleared") as caught:
        cache.clear()
    assert "delete" in caught.value.hint
    assert before == (cache.path.read_bytes() if cache.path.is_file() else b"")


def test_a_folder_that_cannot_be_written_costs_only_a_notice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = ResponseCache(tmp_path / "file" / "answers.sqlite")
    cache.put("k", FOUR)
    assert cache.get("k") is None
    assert len(cache.take_notices()) == 1


def test_a_file_deleted_in_use_is_begun_anew(cache: ResponseCache) -> None:
    cache.put("k", FOUR)
    shutil.rmtree(cache.path.parent)
    assert cache.get("k") is None
    cache.put("l", FOUR)
    assert cache.get("l") == FOUR
    assert cache.take_notices() == []


def test_money_is_kept_to_the_last_digit(cache: ResponseCache) -> None:
    cost = Decimal("0.000000000000000000000000000001")
    cache.put("k", replace(FOUR, usage=Usage(cost=cost)))
    found = cache.get("k")
    assert found is not None
    assert found.usage.cost == cost
