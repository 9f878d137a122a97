"""The form of an answer: its schema, and what is read from what models write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from lean_agent.errors import ConfigurationError, OutputParseError
from lean_agent.output_form import OutputForm


class Place(BaseModel):
    name: str = Field(description="As its people write it.")
    people: int = Field(ge=0)


class Trip(BaseModel):
    to: Place
    by: str | None = None
    title: str = "a trip"
    stops: list[Place] = []


@dataclass
class Point:
    x: int
    y: int = 0


class Tree(BaseModel):
    branches: list[Tree]


def test_the_schema_is_closed_and_asks_for_every_property() -> None:
    place = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "As its people write it."},
            "people": {"type": "integer", "minimum": 0},
        },
        "required": ["name", "people"],
        "additionalProperties": False,
    }
    schema = OutputForm(Trip).schema
    assert schema == {
        "type": "object",
        "properties": {
            "to": place,
            "by": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "title": {"type": "string"},
            "stops": {"type": "array", "items": place},
        },
        "required": ["to", "by", "title", "stops"],
        "additionalProperties": False,
    }
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Point, '{"x": 1}', Point(1, 0)),
        (Point, 'Here it is:\n```json\n{"x": 1, "y": 2}\n```\nDone.', Point(1, 2)),
    ],
)
def test_an_answer_is_read_with_or_without_words_around_it(
    kind: type[Any], text: str, value: object
) -> None:
    form: OutputForm[Any] = OutputForm(kind)
    assert form.read(text) == value
    assert form.misfit(text) == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no answer"),
        ("no idea", "the answer is no Place: Invalid JSON"),
        ('{"name": "Ulm"', "the answer is no Place: Invalid JSON"),
        ('{"name": "Ulm", "people": -1}', "people: Input should be greater than or equal to 0"),
        ('{"people": 1}', "name: Field required"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(OutputParseError) as caught:
        OutputForm(Place).read(text)
    assert told in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("kind", [str, int, list[Place], Tree, object])
def test_what_no_object_can_be_is_refused_before_anything_is_spent(kind: type[Any]) -> None:
    with pytest.raises(ConfigurationError, match="no answer can have the form"):
        OutputForm(kind)
