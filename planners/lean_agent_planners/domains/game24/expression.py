"""Reads an expression of whole numbers and + - * / that somebody wrote, and its exact value."""

from __future__ import annotations

import ast
import re
from fractions import Fraction

from lean_agent_planners.answers import answer_line
from lean_agent_planners.domain import InvalidPlanError

__all__ = ["read_expression"]

_MOST_CHARS = 200
_SIGNS = str.maketrans("\u00d7\u00b7\u00f7\u2212\u2013[]", "**/--()")
_LATEX = (
    (re.compile(r"\\(?:times|cdot)"), "*"),
    (re.compile(r"\\div"), "/"),
    (re.compile(r"\\d?frac\{([^{}]*)\}\{([^{}]*)\}"), r"((\1)/(\2))"),
    (re.compile(r"\\boxed\{(.*)\}"), r"\1"),
    (re.compile(r"\\(?:left|right|[()\[\]])"), ""),
)
# Signs of operations that the game does not have are taken along, to be refused, not left out.
# A longer run than that of _MOST_CHARS is refused, so no more of it need be looked at.
_RUN = re.compile(r"(?<![\w.^!%])-?[\d(](?:[\d\s+\-*/().^!%]{0,400}[\d)])?[!^%]?")


def read_expression(answer: str) -> tuple[str, Fraction, list[int]]:
    """The expression, its value and the numbers in it, from the line that holds the answer.

    What stands beside it ("= 24", words) is left out.

    Raises:
        InvalidPlanError: there is none, or it holds anything but numbers and the four operations.
    """
    line = answer_line(answer).translate(_SIGNS)
    for pattern, plain in _LATEX:
        line = pattern.sub(plain, line)
    runs = [run.strip() for side in line.split("=") for run in _RUN.findall(side)]
    if not runs:
        raise InvalidPlanError("the answer holds no expression")
    text = max(runs, key=len)
    if len(text) > _MOST_CHARS:
        raise InvalidPlanError("the expression is too long")
    numbers: list[int] = []
    try:
        value = _value(ast.parse(text, mode="eval").body, numbers)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise InvalidPlanError(f"{text[:80]!r} is no expression") from None
    except ZeroDivisionError:
        raise InvalidPlanError(f"{text!r} divides by zero") from None
    return text, value, sorted(numbers)


def _value(node: ast.expr, numbers: list[int]) -> Fraction:
    match node:
        case ast.Constant(value=int(number)) if type(number) is int:
            numbers.append(number)
            return Fraction(number)
        case ast.BinOp(left=left, op=operation, right=right):
            a, b = _value(left, numbers), _value(right, numbers)
            match operation:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.Div():
                    return a / b
                case _:
                    raise InvalidPlanError("only + - * / are operations of the game")
        case _:
            raise InvalidPlanError("the expression holds more than numbers and + - * /")
