"""Which of many tools the words of a task ask for."""

from __future__ import annotations

import pytest
from support.many_tools import PlainTool, many_tools

from lean_agent import ToolSpec
from lean_agent.model import ActionFormat
from lean_agent.runtime.narrowing import FIND_TOOLS, Catalogue

FORMATS: tuple[ActionFormat, ...] = ("native", "schema", "tagged")


def spec(name: str, description: str, *parameters: str) -> ToolSpec:
    return PlainTool(name, description, *parameters).spec


def catalogue(*specs: ToolSpec, tokens: int = 2_000, schema_is_read: bool = False) -> Catalogue:
    return Catalogue(specs, tokens=tokens, schema_is_read=schema_is_read)


MANY = catalogue(*(tool.spec for tool in many_tools()))


def first(task: str, action_format: ActionFormat = "native", of: Catalogue = MANY) -> list[str]:
    return [spec.name for spec in of.first(action_format, task)]


@pytest.mark.parametrize("action_format", FORMATS)
@pytest.mark.parametrize("schema_is_read", [True, False])
def test_what_is_told_stays_under_the_budget(
    action_format: ActionFormat, schema_is_read: bool
) -> None:
    subject = catalogue(*(tool.spec for tool in many_tools()), schema_is_read=schema_is_read)
    assert not subject.fits(action_format)
    told = subject.first(action_format, "Update the record of kind 7 by its identifier and value.")
    assert 5 < len(told) < 100
    assert told[-1] is FIND_TOOLS
    assert 1_000 < sum(subject.size(action_format, spec) for spec in told) <= 2_000
    order = [spec.name for spec in subject.specs]
    assert [s.name for s in told[:-1]] == sorted((s.name for s in told[:-1]), key=order.index)


@pytest.mark.parametrize(
    ("task", "needed"),
    [
        ("Converting 5 euros to dollars, what is the amount?", "convertCurrency"),
        ("How much money is it in another currency?", "convertCurrency"),
        ("Please use convertCurrency.", "convertCurrency"),
        ("A translation into the language of Malta", "translate_text"),
        ("Update record 77.", "update_record_77"),
    ],
)
def test_words_find_names_and_parameters_and_other_endings(task: str, needed: str) -> None:
    assert needed in first(task)


def test_a_task_without_any_of_the_words_tells_of_the_finder_alone() -> None:
    assert first("Hello, my friend!") == ["find_tools"]


def test_arithmetic_asks_for_a_calculator_without_saying_so() -> None:
    subject = catalogue(*MANY.specs, spec("sums", "Evaluate an arithmetic expression.", "formula"))
    assert "sums" in first("17 * 23?", of=subject)


def test_a_tool_that_is_named_comes_before_all_others() -> None:
    small = catalogue(*MANY.specs, tokens=220)
    assert first("update record records kind: update_record_3 or not?", of=small)[0] == (
        "update_record_3"
    )


def test_one_too_long_for_the_budget_can_still_be_found() -> None:
    subject = catalogue(*MANY.specs, spec("brew", "Brew coffee. " + "Black. " * 1_000, "cup"))
    assert "brew" not in first("brew coffee", of=subject)
    assert [s.name for s in subject.more("native", "brew coffee", known=())] == ["brew"]
    assert not subject.more("native", "brew coffee", known={"brew"})


@pytest.mark.parametrize("action_format", FORMATS)
def test_few_tools_are_all_told(action_format: ActionFormat) -> None:
    assert catalogue(*MANY.specs[:5]).fits(action_format)
    assert catalogue().fits(action_format)


def test_a_tool_with_the_finders_name_switches_it_off() -> None:
    assert catalogue(*MANY.specs, spec("find_tools", "Mine.")).fits("native")


@pytest.mark.parametrize("action_format", FORMATS)
def test_each_line_tells_of_one_tool(action_format: ActionFormat) -> None:
    from lean_agent.models.actions import told

    for one in (*MANY.specs, FIND_TOOLS):
        assert MANY.told_by(action_format, told(action_format, one).split("\n")[0]) is one
    assert MANY.told_by(action_format, "update_record_7") is None


def test_the_end_of_a_long_task_counts() -> None:
    assert "translate_text" in first("word " * 100_000 + "\nTranslate this.")
