"""Arithmetic on fractions, so that 0.1 + 0.2 is 0.3, with a parser of its own: no eval, and the
forms people and models write (1,200 and 15% of 80) that Python does not know.

Every number is bounded in size and every expression in length and depth, so nothing takes longer
than a few milliseconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from fractions import Fraction

__all__ = ["CalculationError", "calculate"]

_MAX_CHARS = 500
_MAX_DEPTH = 50
_MAX_BITS = 10_000  # about 3,000 digits
_MAX_EXPONENT = 3_000
_MAX_DECIMALS = 15
_SIGNIFICANT = Context(prec=12)
_PLAIN_RANGE = range(-7, 16)  # powers of ten that are written without an exponent

_ALLOWED = (
    "allowed are numbers, + - * / // % ** ( ), 15% of 80, pi, e, and "
    "sqrt round min max abs sum floor ceil log ln log10 exp"
)

_Number = Fraction | float


class CalculationError(ValueError):
    """The expression cannot be computed; the message says why in one line."""


def calculate(expression: str) -> str:
    """The value of an expression, exact as far as 15 decimals, else to 12 significant digits.

    ``round`` rounds half away from zero, as taught in school. ``%`` is a percent sign unless an
    operand follows it. Commas group digits, and inside a function's brackets part arguments.

    Raises:
        CalculationError: the expression is no arithmetic, or too large.
    """
    if len(expression) > _MAX_CHARS:
        raise CalculationError(f"the expression is longer than {_MAX_CHARS} characters")
    try:
        return _formatted(_Parser(_tokens(expression)).value())
    except ZeroDivisionError:
        raise CalculationError("division by zero") from None
    except OverflowError:
        raise CalculationError("the number becomes too large") from None


_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:,\d+)*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?:math\.)?(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator>\*\*|//|[-+*/%(),]))"
)
_LISTED = re.compile(r"(?<=[a-z])\(\s*\[([^][()]*)\]\s*\)")
"""The arguments of a function as a list, as Python's ``sum`` wants them."""
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?![\d,])")
_SPELLINGS = str.maketrans(
    {
        "×": "*",  # noqa: RUF001 - what people paste
        "·": "*",
        "÷": "/",
        "−": "-",  # noqa: RUF001
        "–": "-",  # noqa: RUF001
        "π": "pi",
        "^": "**",
        "$": "",
        "€": "",
        "£": "",
    }
)


def _tokens(expression: str) -> list[str]:
    text = expression.translate(_SPELLINGS).strip().removesuffix("?").strip().removesuffix("=")
    text = _LISTED.sub(r"(\1)", text)
    tokens: list[str] = []
    in_call: list[bool] = []  # for each open bracket: whether it holds a function's arguments
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise CalculationError(f"{text[position:].strip()[0]!r} is not allowed; {_ALLOWED}")
        position = match.end()
        word = match[match.lastgroup or 0]
        if match.lastgroup == "number" and "," in word:
            word, position = _grouped(text, match.start("number"), word, in_call)
        elif word == "(":
            in_call.append(bool(tokens) and tokens[-1] in _FUNCTIONS)
        elif word == ")" and in_call:
            in_call.pop()
        tokens.append(word)
    return tokens


def _grouped(text: str, start: int, word: str, in_call: Sequence[bool]) -> tuple[str, int]:
    """A number with commas: its digits and where it ends."""
    if in_call and in_call[-1]:
        first = word.partition(",")[0]
        return first, start + len(first)
    if not (groups := _GROUPED.match(text, start)):
        raise CalculationError(f"{word} is no number; write it without commas")
    rest = re.compile(r"(?:\.\d*)?(?:[eE][+-]?\d+)?").match(text, groups.end())
    digits = groups[0].replace(",", "")
    return (digits + rest[0], rest.end()) if rest else (digits, groups.end())


class _Parser:
    """Recursive descent with Python's precedence: ``**`` before signs before ``*`` before ``+``."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def value(self) -> _Number:
        if not self._tokens:
            raise CalculationError(f"the expression is empty; {_ALLOWED}")
        value = self._sum()
        if self._next:
            raise CalculationError(f"{self._next!r} is out of place; {_ALLOWED}")
        return value

    @property
    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        """The next word if it is one of these, else nothing."""
        word = self._next
        if word not in wanted:
            return ""
        self._at += 1
        return word

    def _sum(self) -> _Number:
        value = self._product()
        while operator := self._take("+", "-"):
            value = _BINARY[operator](value, self._product())
        return value

    def _product(self) -> _Number:
        value = self._signed()
        while operator := self._take("*", "/", "//", "%", "of"):
            value = _BINARY[operator](value, self._signed())
        return value

    def _signed(self) -> _Number:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise CalculationError("the expression is nested too deeply")
        if sign := self._take("+", "-"):
            value = self._signed()
            value = -value if sign == "-" else value
        else:
            value = self._percent()
            if self._take("**"):
                value = _power(value, self._signed())
        self._depth -= 1
        return value

    def _percent(self) -> _Number:
        value = self._atom()
        while self._next == "%" and not self._operand_after_next():
            self._at += 1
            value = value / 100
        return value

    def _operand_after_next(self) -> bool:
        after = self._tokens[self._at + 1 : self._at + 2]
        return bool(after) and (after[0] == "(" or (after[0][0].isalnum() and after[0] != "of"))

    def _atom(self) -> _Number:
        word = self._next
        self._at += 1
        if word == "(":
            value = self._sum()
            self._close()
            return value
        if word[:1].isdigit() or word[:1] == ".":
            return _parsed(word)
        if word in _FUNCTIONS:
            return self._call(word)
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        what = f"{word!r} is not allowed here" if word else "the expression is cut off"
        raise CalculationError(f"{what}; {_ALLOWED}")

    def _call(self, name: str) -> _Number:
        if not self._take("("):
            raise CalculationError(f"{name} needs brackets: {name}(...)")
        arguments = [self._sum()]
        while self._take(","):
            arguments.append(self._sum())
        self._close()
        function, least, most = _FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            raise CalculationError(f"{name} cannot take {len(arguments)} numbers")
        return _bounded(function(*arguments))

    def _close(self) -> None:
        if not self._take(")"):
            raise CalculationError("a closing bracket is missing")


def _parsed(word: str) -> Fraction:
    exponent = word.lower().partition("e")[2]
    if exponent and (
        len(exponent) > len(str(_MAX_EXPONENT)) + 1 or abs(int(exponent)) > _MAX_EXPONENT
    ):
        raise OverflowError
    return Fraction(word)


def _bounded(value: _Number) -> _Number:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise OverflowError
    elif max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise OverflowError
    return value


def _binary(
    compute: Callable[[_Number, _Number], _Number],
) -> Callable[[_Number, _Number], _Number]:
    return lambda left, right: _bounded(compute(left, right))


_BINARY = {
    "+": _binary(lambda a, b: a + b),
    "-": _binary(lambda a, b: a - b),
    "*": _binary(lambda a, b: a * b),
    "of": _binary(lambda a, b: a * b),
    "/": _binary(lambda a, b: a / b),
    "//": _binary(lambda a, b: Fraction(a // b)),
    "%": _binary(lambda a, b: a % b),
}


def _power(base: _Number, exponent: _Number) -> _Number:
    if isinstance(exponent, Fraction) and isinstance(base, Fraction):
        if exponent.denominator == 1:
            bits = max(base.numerator.bit_length(), base.denominator.bit_length())
            if bits > 1 and bits * abs(exponent.numerator) > 2 * _MAX_BITS:
                raise OverflowError
            return _bounded(base**exponent.numerator)
        if exponent == Fraction(1, 2):
            return _sqrt(base)
    if base < 0 and exponent != math.floor(exponent):
        raise CalculationError("a negative number has no such power among real numbers")
    return _bounded(float(base) ** float(exponent))


def _sqrt(value: _Number) -> _Number:
    if value < 0:
        raise CalculationError("a negative number has no square root among real numbers")
    if isinstance(value, Fraction):
        top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if Fraction(top * top, bottom * bottom) == value:
            return Fraction(top, bottom)
    return math.sqrt(value)


def _log(value: _Number, base: _Number | None = None) -> _Number:
    if value <= 0 or (base is not None and (base <= 0 or base == 1)):
        raise CalculationError("a logarithm needs positive numbers, and a base other than 1")
    log = _ln(value)
    return log if base is None else log / _ln(base)


def _ln(value: _Number) -> float:
    if isinstance(value, float):
        return math.log(value)
    return math.log(value.numerator) - math.log(value.denominator)


def _round(value: _Number, places: _Number = Fraction(0)) -> _Number:
    exact = _exact(value)
    if places != math.floor(places) or abs(places) > _MAX_EXPONENT:
        raise CalculationError("round takes a whole number of decimals: round(2.345, 2)")
    scale = Fraction(10 ** int(places)) if places >= 0 else Fraction(1, 10 ** -int(places))
    rounded = Fraction(math.floor(abs(exact) * scale + Fraction(1, 2))) / scale
    return -rounded if exact < 0 else rounded


def _exact(value: _Number) -> Fraction:
    """A float as the decimal number it is written as, not as its binary neighbour."""
    return value if isinstance(value, Fraction) else Fraction(repr(value))


def _abs(value: _Number) -> _Number:
    return abs(value)


def _ceil(value: _Number) -> _Number:
    return Fraction(math.ceil(value))


def _exp(value: _Number) -> _Number:
    return math.exp(value)


def _floor(value: _Number) -> _Number:
    return Fraction(math.floor(value))


def _log10(value: _Number) -> _Number:
    return _log(value, Fraction(10))


def _max(*values: _Number) -> _Number:
    return max(values)


def _min(*values: _Number) -> _Number:
    return min(values)


def _total(*values: _Number) -> _Number:
    return sum(values, Fraction(0))


# The function, and the least and greatest number of arguments.
_FUNCTIONS: dict[str, tuple[Callable[..., _Number], int, int]] = {
    "abs": (_abs, 1, 1),
    "ceil": (_ceil, 1, 1),
    "exp": (_exp, 1, 1),
    "floor": (_floor, 1, 1),
    "ln": (_log, 1, 1),
    "log": (_log, 1, 2),
    "log10": (_log10, 1, 1),
    "max": (_max, 1, _MAX_CHARS),
    "min": (_min, 1, _MAX_CHARS),
    "round": (_round, 1, 2),
    "sqrt": (_sqrt, 1, 1),
    "sum": (_total, 1, _MAX_CHARS),
}
_CONSTANTS: dict[str, _Number] = {"pi": math.pi, "e": math.e}


def _formatted(value: _Number) -> str:
    if isinstance(value, Fraction):
        if value.denominator == 1:
            return str(value.numerator)
        scale = 10**_MAX_DECIMALS
        if scale % value.denominator == 0:
            digits = f"{abs(value.numerator) * (scale // value.denominator):0{_MAX_DECIMALS + 1}d}"
            sign = "-" if value < 0 else ""
            decimals = digits[-_MAX_DECIMALS:].rstrip("0")
            return f"{sign}{digits[:-_MAX_DECIMALS]}.{decimals}"
        rounded = _SIGNIFICANT.divide(Decimal(value.numerator), Decimal(value.denominator))
    else:
        rounded = _SIGNIFICANT.create_decimal(repr(value))
    rounded = rounded.normalize(_SIGNIFICANT)
    return format(rounded, "f" if rounded.adjusted() in _PLAIN_RANGE else "e")
