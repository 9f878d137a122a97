from __future__ import annotations

import dataclasses
import enum
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from lean_agent import RunContext, tool
from lean_agent.errors import ConfigurationError, InvalidToolCallError

if TYPE_CHECKING:
    from decimal import Decimal

CTX = RunContext(run_id="r1")


class Unit(enum.Enum):
    METRE = "m"
    FOOT = "ft"


@dataclasses.dataclass
class Point:
    x: int
    title: str = "origin"


class Route(BaseModel):
    points: list[Point]
    unit: Unit | None = None


class Tree(BaseModel):
    children: list[Tree] = []


class Opaque:
    pass


@tool
def measure(
    route: Route,
    copy: int,
    ctx: RunContext,
    unit: Unit = Unit.METRE,
    at: Point | None = None,
    label: int | str | None = None,
    style: Literal["short", "long"] = "short",
    _factor: Annotated[int, Field(ge=1)] = 2,
) -> str:
    """Measure a route.

    In the plane.

    Args:
        route: Where it
            leads.
        copy: How many.
        ctx: The run.
        unit : Of the result.
    """
    return f"{route.points[0].x} {copy} {ctx.run_id} {unit.name} {at} {label} {style} {_factor}"


@tool
def add(a: int, b: int = 1) -> int:
    """Add."""
    return a + b


def test_the_schema_says_what_a_model_needs_and_no_more() -> None:
    point = {
        "type": "object",
        "properties": {
            "x": {"type": "integer"},
            "title": {"type": "string", "default": "origin"},
        },
        "required": ["x"],
    }
    assert measure.spec.parameters == {
        "type": "object",
        "properties": {
            "route": {
                "type": "object",
                "description": "Where it leads.",
                "properties": {
                    "points": {"type": "array", "items": point},
                    "unit": {"type": "string", "enum": ["m", "ft"]},
                },
                "required": ["points"],
            },
            "copy": {"type": "integer", "description": "How many."},
            "unit": {
                "type": "string",
                "enum": ["m", "ft"],
                "default": "m",
                "description": "Of the result.",
            },
            "at": point,
            "label": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "style": {"type": "string", "enum": ["short", "long"], "default": "short"},
            "_factor": {"type": "integer", "minimum": 1, "default": 2},
        },
        "required": ["route", "copy"],
        "additionalProperties": False,
    }


def test_description_is_the_docstring_without_its_sections() -> None:
    assert measure.spec.description == "Measure a route.\n\nIn the plane."


def test_a_function_without_parameters_or_docstring() -> None:
    @tool
    def ping() -> str:
        return "pong"

    assert ping.spec.description == ""
    assert ping.spec.parameters == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


async def test_arguments_are_converted_and_the_context_is_handed_over() -> None:
    arguments = {"route": {"points": [{"x": "7"}]}, "copy": "3", "unit": "ft", "at": {"x": 1}}
    text = await measure.call(arguments, CTX)
    assert text == "7 3 r1 FOOT Point(x=1, title='origin') None short 2"


async def test_null_stands_for_left_out() -> None:
    text = await measure.call({"route": {"points": [{"x": 1}]}, "copy": 1, "at": None}, CTX)
    assert "None" in text


async def test_numbers_are_taken_for_text() -> None:
    @tool
    def year(query: str) -> str:
        return f"<{query}>"

    assert await year.call({"query": 1984}, CTX) == "<1984>"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"b": 1}, "add: a is missing"),
        ({"a": "x"}, 'add: a: should be a valid integer, not "x"'),
        (
            {"a": 1.5},
            "add: a: should be a valid integer, got a number with a fractional part, not 1.5",
        ),
        ({"a": 1, "c": 2}, "add: there is no parameter c (parameters: a, b)"),
        (
            {"a": [], "b": {}},
            "add: a: should be a valid integer, not []; b: should be a valid integer, not {}",
        ),
    ],
)
async def test_wrong_arguments_give_one_line_a_model_can_mend(
    arguments: dict[str, Any], expected: str
) -> None:
    with pytest.raises(InvalidToolCallError) as caught:
        await add.call(arguments, CTX)
    assert caught.value.message == expected


async def test_a_long_wrong_value_is_shortened_and_many_problems_are_counted() -> None:
    arguments = {f"x{n}": n for n in range(9)} | {"a": "z" * 5_000}
    with pytest.raises(InvalidToolCallError) as caught:
        await add.call(arguments, CTX)
    assert len(caught.value.message) < 400
    assert caught.value.message.endswith("7 more")


async def test_a_problem_inside_a_value_is_located() -> None:
    with pytest.raises(InvalidToolCallError, match=r"route\.points\.0\.x: should be"):
        await measure.call({"route": {"points": [{"x": "no"}]}, "copy": 1}, CTX)


@pytest.mark.parametrize("hint", [Opaque, Tree, Opaque | None])
def test_types_that_cannot_be_described_are_refused(hint: Any) -> None:
    def odd(fine: int, thing: Any) -> None: ...

    odd.__annotations__["thing"] = hint
    with pytest.raises(ConfigurationError, match="odd: parameter 'thing' has a type that no model"):
        _ = tool(odd).spec


def test_a_type_known_only_to_type_checkers_is_refused_with_the_remedy() -> None:
    def pay(amount: Decimal) -> None: ...

    with pytest.raises(ConfigurationError, match="the type 'Decimal' is not known") as caught:
        _ = tool(pay).spec
    assert "TYPE_CHECKING" in caught.value.hint


def test_the_schema_survives_being_embedded_in_a_larger_one() -> None:
    assert "$ref" not in json.dumps(measure.spec.parameters)
    assert "$defs" not in measure.spec.parameters


def test_tools_of_the_same_code_share_their_schema_unless_types_defaults_or_words_differ() -> None:
    def made(kind: Any, default: Any, words: str) -> Any:
        def look(what: Any, many: Any = default) -> str:
            return f"{what}{many}"

        look.__annotations__ = {"what": kind, "many": int, "return": str}
        look.__doc__ = words
        return tool(look).spec

    first = made(str, 1, "Look.")
    assert made(str, 1, "Look.").parameters is first.parameters
    assert made(int, 1, "Look.").parameters["properties"]["what"] == {"type": "integer"}
    assert made(str, 2, "Look.").parameters["properties"]["many"]["default"] == 2
    assert made(str, 1, "See.").description == "See."
    assert made(list[str], [], "Look.").parameters["properties"]["what"]["type"] == "array"


async def test_tools_of_the_same_code_are_still_functions_of_their_own() -> None:
    def made(answer: str) -> Any:
        @tool
        def tell(times: int) -> str:
            return answer * times

        return tell

    one, other = made("a"), made("b")
    assert await one.call({"times": 2}, RunContext()) == "aa"
    assert await other.call({"times": 2}, RunContext()) == "bb"
