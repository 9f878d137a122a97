from __future__ import annotations

import contextlib
import math
import re
import time
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lean_agent import RunContext, ToolError
from lean_agent_tools._arithmetic import CalculationError, calculate
from lean_agent_tools.calculator import calculator

CTX = RunContext()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        # exact where numbers allow it
        ("0.1 + 0.2", "0.3"),
        ("1/3 + 1/3 + 1/3", "1"),
        ("1.10 * 3", "3.3"),
        ("123456789.123456789 * 1000", "123456789123.456789"),
        ("-1/8", "-0.125"),
        ("2**100", "1267650600228229401496703205376"),
        ("2**-2", "0.25"),
        ("sqrt(1/4) + 4**0.5", "2.5"),
        ("log(8, 2)", "3"),
        ("log10(1000)", "3"),
        ("ln(e)", "1"),
        # rounded where they do not
        ("2/3", "0.666666666667"),
        ("sqrt(2)", "1.41421356237"),
        ("pi", "3.14159265359"),
        ("1/3**40", "8.22526333997e-20"),
        ("1/10**20", "1e-20"),
        ("exp(100)", "2.68811714182e+43"),
        ("(1/3)**200 * 0", "0"),
        # Python's precedence
        ("2 + 3 * 4", "14"),
        ("-2**2", "-4"),
        ("2**3**2", "512"),
        ("2**-1", "0.5"),
        ("(2 + 3) * 4", "20"),
        ("100 - 10 - 5", "85"),
        ("-17 % 5", "3"),
        ("-7 // 2", "-4"),
        ("7.5 % 2", "1.5"),
        ("--5", "5"),
        # percent signs
        ("15% of 80", "12"),
        ("(10 + 5)% of 200", "30"),
        ("100 / 50%", "200"),
        ("50%", "0.5"),
        ("3 + 5%", "3.05"),
        ("17 % 5", "2"),
        ("17 % (2 + 3)", "2"),
        # as people write numbers
        ("1,200 * 3", "3600"),
        ("1,234,567.89 + 0.11", "1234568"),
        ("$1,200.50 + €1", "1201.5"),
        ("3 × 4 ÷ 2 − 1", "5"),  # noqa: RUF001
        ("2^10", "1024"),
        (".5 + 5.", "5.5"),
        ("1e3 + 2E-1", "1000.2"),
        ("12 + 30 = ?", "42"),
        ("math.sqrt(9)", "3"),
        # functions
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(2.675, 2)", "2.68"),
        ("round(1250, -2)", "1300"),
        ("round(sqrt(2), 3)", "1.414"),
        ("max(1, 200, 3)", "200"),
        ("max(1,200)", "200"),
        ("max(1,(2,000))", "2000"),
        ("min(3, 2) + abs(-3.5) + sum(1, 2, 3)", "11.5"),
        ("sum([1, 2, 3 * 4]) / 2 + max( [1, 7] )", "14.5"),
        ("floor(-2.5) + ceil(2.1)", "0"),
    ],
)
def test_values(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "the expression is empty; allowed are"),
        ("x + 1", "'x' is not allowed here; allowed are numbers"),
        ("__import__('os')", '"\'" is not allowed; allowed are'),
        ("1 if 2 else 3", "'if' is out of place"),
        ("2 +", "the expression is cut off"),
        ("(2", "a closing bracket is missing"),
        ("2)", "')' is out of place"),
        ("2 3", "'3' is out of place"),
        ("5(3)", "'(' is out of place"),
        ("1,23", "1,23 is no number"),
        ("1, 2", "',' is out of place"),
        ("1 / 0", "division by zero"),
        ("1 % 0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("sqrt(-1)", "no square root"),
        ("(-8) ** (1/3)", "no such power"),
        ("log(0)", "positive numbers"),
        ("log(2, 1)", "a base other than 1"),
        ("sqrt", "sqrt needs brackets"),
        ("sqrt(1, 2)", "sqrt cannot take 2 numbers"),
        ("round(1, 0.5)", "whole number of decimals"),
        ("1 == 1", "'=' is not allowed"),
        ("9 ** 9 ** 9", "too large"),
        ("2 ** 2 ** 2 ** 2 ** 2 ** 2", "too large"),
        ("1e99999999", "too large"),
        ("exp(1000)", "too large"),
        ("2.5 ** 100000000.5", "too large"),
        ("round(5, 10**9)", "whole number of decimals"),
        ("10**2999 * 10**2999", "too large"),
        ("(" * 60 + "1" + ")" * 60, "nested too deeply"),
        ("-" * 60 + "1", "nested too deeply"),
        ("2**" * 60 + "1", "nested too deeply"),
        ("1+" * 300 + "1", "longer than 500"),
    ],
)
async def test_what_cannot_be_computed_is_refused_fast_in_one_line(
    expression: str, why: str
) -> None:
    started = time.perf_counter()
    with pytest.raises(ToolError) as caught:
        await calculator.call({"expression": expression}, CTX)
    assert time.perf_counter() - started < 1
    assert why in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 250


_NUMBERS = st.one_of(
    st.integers(0, 10**6).map(str),
    st.decimals("0", "1000", places=3).map(str),
)


def _expressions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
    )


@given(st.recursive(_NUMBERS, _expressions, max_leaves=12))
@example("1/3 - 1/3")
def test_agrees_with_python_on_fractions(expression: str) -> None:
    assume(len(expression) <= 500)
    code = re.sub(r"[\d.]+", lambda m: f"F('{m[0]}')", expression)
    try:
        expected = eval(code, {"F": Fraction})
    except ZeroDivisionError:
        with pytest.raises(CalculationError, match="division by zero"):
            calculate(expression)
        return
    result = Fraction(calculate(expression))
    assert math.isclose(result, expected, rel_tol=1e-11, abs_tol=0)
    if 10**15 % expected.denominator == 0:
        assert result == expected


@given(st.text(alphabet="0123456789+-*/%.,() esqrtmaxlogpi^=$", max_size=500))
def test_any_text_gives_a_number_or_a_reason(expression: str) -> None:
    with contextlib.suppress(CalculationError):  # any other exception fails
        assert Fraction(calculate(expression)) is not None


async def test_a_number_given_as_a_number_is_fine() -> None:
    assert await calculator.call({"expression": 42}, CTX) == "42"
