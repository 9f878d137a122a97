"""The value of the last expression comes from untrusted code: it may be made to hurt its reader."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from lean_agent._sandbox_value import plain_or_repr
from lean_agent.sandbox import run_python


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("x = 1", None),
        ("True", True),
        ("2.5", 2.5),
        ("'text'", "text"),
        ("[1, (2, 3), {'a': None}]", [1, [2, 3], {"a": None}]),
        ("()", []),
        ("range(3)", "range(0, 3)"),
        # What JSON does not know becomes its repr.
        ("(1, {2})", "(1, {2})"),
        ("({2},)", "({2},)"),
        ("[set(), frozenset({1})]", "[set(), {1}]"),
        ("{1: 'a', (2, 'b'): [{3}]}", "{1: 'a', (2, 'b'): [{3}]}"),
        ("float('nan')", "nan"),
        ("[float('inf')]", "[inf]"),
        ("b'ab'", "b'ab'"),
        ("2 + 3j", "(2+3j)"),
        ("from decimal import Decimal\nDecimal('1.50')", "Decimal('1.50')"),
        ("import datetime\ndatetime.date(2026, 1, 2)", "datetime.date(2026, 1, 2)"),
        ("class A:\n  def __init__(self): self.x = [1]\nA()", "A(x=[1])"),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n  x: int\n[P(3)]", "[P(x=3)]"),
        ("len", "<len>"),
    ],
)
async def test_values(code: str, value: Any) -> None:
    result = await run_python(code)
    assert result.error is None
    assert result.value == value
    assert type(result.value) is type(value)


BOMBS = {
    "a list that stands for 2**60 elements": "l = [1]\nfor _ in range(60): l = [l, l]\nl",
    "a dictionary that does": "d = {'a': 1}\nfor _ in range(60): d = {'a': d, 'b': d}\nd",
    "the same with reprs only": "l = {1}\nfor _ in range(60): l = [l, l]\nl",
    "a list 100,000 deep": "l = []\nfor _ in range(100000): l = [l]\nl",
    "a list that holds itself": "l = []\nl.append(l)\nl",
    "an object that holds itself": "class A:\n  def __init__(s): s.me = [s, s]\nA()",
    "an integer of three million digits": "10 ** 3000000",
    "many integers of a million digits": "[10 ** 1000000] * 50",
    "a long string": "'x' * 10**7",
    "many long strings": "['x' * 10**6] * 1000",
    "a repr written to hurt": "class A:\n  def __repr__(self):\n    while True: pass\nA()",
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_bombs_are_cut_short(bomb: str) -> None:
    started = time.perf_counter()
    result = await run_python(BOMBS[bomb], seconds=5, max_output_chars=1_000)
    assert time.perf_counter() - started < 20
    assert result.error is None
    assert len(json.dumps(result.value)) <= 1_100


@pytest.mark.slow
async def test_a_large_plain_value_comes_whole() -> None:
    result = await run_python("[[n, str(n)] for n in range(20000)]", max_output_chars=10)
    assert result.value == [[n, str(n)] for n in range(20_000)]


def test_subclasses_keep_what_makes_them_different() -> None:
    class Number(int):
        pass

    assert plain_or_repr([Number(3)], 100) == "[3]"
