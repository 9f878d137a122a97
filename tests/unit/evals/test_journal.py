from __future__ import annotations

from pathlib import Path

from support.counting_suite import CountingModel, Visit

from lean_agent import Message, ModelRequest, RunContext, Tool, ToolError, tool
from lean_agent.runtime.signals import names_held
from lean_agent.tool_spec import Foreseeing
from lean_agent_evals.journal import Journal, RecordedModel, SampleKey, recorded
from lean_agent_evals.json_lines import JsonLines, read_lines

KEY = SampleKey("agent", 0, "t")
ASK = ModelRequest(messages=(Message("user", "raise it to 2"),), temperature=1.0)


def journal(folder: Path) -> Journal:
    """A new part of an attempt, which knows what the earlier ones wrote."""
    path = folder / "calls.jsonl"
    return Journal(JsonLines(path), KEY, list(read_lines(path)))


async def test_each_answer_is_given_again_once_at_its_own_price(tmp_path: Path) -> None:
    first = journal(tmp_path)
    model = RecordedModel(CountingModel(), first, None)
    answers = [await model.generate(ASK), await model.generate(ASK)]
    assert first.get(first.key(model.name, None, ASK)) is None, "nobody disturbed this attempt"
    later = journal(tmp_path)
    key = later.key(model.name, None, ASK)
    assert later.earlier_usage.total_tokens == sum(a.usage.total_tokens for a in answers)
    again = [later.get(key), later.get(key), later.get(key)]
    assert [a.message if a else None for a in again] == [answers[0].message] * 2 + [None]
    assert later.replayed == later.earlier_usage
    assert later.replayed.provenance == {"self_hosted"}


async def test_what_is_left_of_a_budget_does_not_make_another_request(tmp_path: Path) -> None:
    first = journal(tmp_path)
    fitted = ModelRequest(messages=ASK.messages, temperature=1.0, max_output_tokens=17, timeout=3.0)
    await RecordedModel(CountingModel(), first, None).generate(fitted)
    later = journal(tmp_path)
    assert later.get(later.key(CountingModel.name, None, ASK)) is not None


async def test_a_streamed_answer_is_kept_too(tmp_path: Path) -> None:
    first = journal(tmp_path)
    events = [event async for event in RecordedModel(CountingModel(), first, None).stream(ASK)]
    assert len(events) == 1
    later = journal(tmp_path)
    assert later.get(later.key(CountingModel.name, None, ASK)) is not None


async def test_a_tool_that_changes_something_is_really_called_again(tmp_path: Path) -> None:
    (raising,) = recorded(Visit(3).tools, journal(tmp_path))
    assert [await raising.call({}, RunContext()) for _ in range(2)] == ["it is 1", "it is 2"]
    visit = Visit(3)
    visit.count = 10
    (raising,) = recorded(visit.tools, journal(tmp_path))
    assert [await raising.call({}, RunContext()) for _ in range(2)] == ["it is 1", "it is 2"]
    assert visit.count == 12
    assert await raising.call({}, RunContext()) == "it is 13"


async def test_another_tool_is_not_and_its_errors_come_back(tmp_path: Path) -> None:
    calls: list[str] = []

    @tool
    def look(where: str) -> str:
        """Look.

        Args:
            where: Where.
        """
        calls.append(where)
        if where == "nowhere":
            raise ToolError("there is no nowhere")
        return f"{where}, call {len(calls)}"

    async def looked(wrapped: Tool) -> list[str]:
        found: list[str] = []
        for where in ("here", "nowhere", "here"):
            try:
                found.append(await wrapped.call({"where": where}, RunContext()))
            except ToolError as error:
                found.append(error.message)
        return found

    (wrapped,) = recorded([look], journal(tmp_path))
    first = await looked(wrapped)
    assert first == ["here, call 1", "there is no nowhere", "here, call 3"]
    (wrapped,) = recorded([look], journal(tmp_path))
    assert await looked(wrapped) == first
    assert len(calls) == 3


async def test_a_recorded_tool_tells_the_gate_what_it_holds(tmp_path: Path) -> None:
    @tool(holds=lambda names: "Gallium" in names)
    def look(query: str) -> str:
        """Look it up."""
        return query

    @tool
    def other(query: str) -> str:
        """Tells nothing."""
        return query

    class Bare:
        spec = other.spec
        call = other.call

    first, *silent = recorded([look, other, Bare()], journal(tmp_path))
    assert await names_held("Does Gallium melt?", [first, *silent]) is True
    assert await names_held("Does Mercury melt?", [first]) is False
    assert await names_held("Does Gallium melt?", silent) is None


async def test_a_recorded_tool_foresees_what_it_foresees_elsewhere(tmp_path: Path) -> None:
    @tool(foreseen=lambda task, ctx: [{"query": task}])
    def look(query: str) -> str:
        """Look it up."""
        return query

    class Bare:
        spec = look.spec
        call = look.call

    seeing, blind = recorded([look, Bare()], journal(tmp_path))
    for recorded_tool, calls in ((seeing, [{"query": "gallium"}]), (blind, [])):
        assert isinstance(recorded_tool, Foreseeing)
        assert list(await recorded_tool.foreseen("gallium", RunContext())) == calls


async def test_the_time_of_earlier_parts_is_known(tmp_path: Path) -> None:
    await RecordedModel(CountingModel(), journal(tmp_path), None).generate(ASK)
    path = tmp_path / "calls.jsonl"
    path.write_text(path.read_text().replace('"seconds":', '"seconds":5'))
    assert journal(tmp_path).earlier_seconds >= 5
