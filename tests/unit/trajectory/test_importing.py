"""What the importers make of single records, ours included."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.counting_suite import CountingModel
from support.eval_runs import run

from lean_agent import ConfigurationError
from lean_agent.trajectory.exporting.examples import export_file
from lean_agent.trajectory.files import read_trajectories, write_trajectories
from lean_agent.trajectory.importers import IMPORTERS, Refused, importer_of
from lean_agent.trajectory.record import Trajectory
from lean_agent_evals.results import read_outcomes

WEBSHOP = {
    "idx": 4,
    "instruction": "a red cup",
    "score": 0.5,
    "finished": True,
    "n_steps": 2,
    "steps": [
        {"action": "reset", "observation": "WebShop"},
        {"action": "think[it is red]", "observation": "OK."},
        {"action": "click[Buy Now]", "observation": "Bought\n\n5 0.4 0.2 0.0\n-------------"},
    ],
}
BABYAI = {
    "env": "GoTo", "seed": 1, "mission": "go", "actions": [2, 3], "n_steps": 2,
    "reward": 0.9, "max_steps": 64, "success": True,
}  # fmt: skip
CHAT = {
    "type": "chatml",
    "task": "search",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Tools: search\n\nUser: Who?"},
        {
            "role": "assistant",
            "content": '<think>a</think><tool_call>{"name": "search", "arguments": {"q": "x"}}'
            '</tool_call>\n<tool_call>{"name": "visit", "arguments": {}}</tool_call>',
        },
        {
            "role": "user",
            "content": "<tool_response>one</tool_response><tool_response>two</tool_response>",
        },
        {"role": "assistant", "content": "<think>b</think><answer> Ada </answer>"},
    ],
    "answer": [["Ada"], "Ada L."],
}
PUZZLES = [
    {
        "idx": n, "ys": ["a", "b"], "accs": [False, n == 1],
        "usage_so_far": {"completion_tokens": 10 * n, "prompt_tokens": 4 * n, "cost": 0.25 * n},
    }
    for n in (1, 2, 3)
]  # fmt: skip
REACT = """--------- BEGIN -----------
Question: Who?You have attempted to answer following question before and failed. Learn.
Reflections:
- look twice
Thought 1: look
Action 1: Search[who]
Observation 1: Could not find [who].
And more.
Thought 2: say
Action 2: Finish[Ada]
Observation 2: Answer is INCORRECT
Correct answer: Bob
"""


def read(folder: Path, text: str, name: str = "log") -> list[Trajectory | Refused]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return list(importer_of(path).read(path))


def one(folder: Path, text: str) -> Trajectory:
    (found,) = read(folder, text)
    assert isinstance(found, Trajectory), found
    return found


def test_webshop(tmp_path: Path) -> None:
    found = one(tmp_path, json.dumps(WEBSHOP))
    assert (found.question, found.reward, found.passed) == ("a red cup", 0.5, False)
    assert (found.turns, found.actions) == (2, 1)
    think, buy = found.steps
    assert (think.kind, think.thought, think.observation) == ("think", "it is red", "OK.")
    assert (buy.action, buy.arguments) == ("click", {"argument": "Buy Now"})
    assert buy.observation == "Bought"  # the log's running averages are not the shop's


def test_babyai(tmp_path: Path) -> None:
    found = one(tmp_path, json.dumps(BABYAI))
    assert [step.action for step in found.steps] == ["forward", "pickup"]
    assert (found.reward, found.passed, found.usage.tokens) == (0.9, True, None)


def test_a_tagged_chat(tmp_path: Path) -> None:
    found = one(tmp_path, json.dumps(CHAT))
    assert (found.question, found.answers) == ("Who?", ["Ada", "Ada L."])
    assert found.instructions == "Be brief.\n\nTools: search"
    assert found.output == "Ada"
    assert [(s.turn, s.kind, s.action, s.thought, s.observation) for s in found.steps] == [
        (0, "act", "search", "a", "one"),
        (0, "act", "visit", "", "two"),
        (1, "answer", "answer", "b", ""),
    ]


def test_samples_and_what_each_puzzle_cost(tmp_path: Path) -> None:
    first, second, third = read(tmp_path, json.dumps(PUZZLES))
    assert isinstance(first, Trajectory)
    assert (first.reward, first.passed) == (0.5, True)
    assert [step.reward for step in first.steps] == [0.0, 1.0]
    for found in (first, second, third):
        assert isinstance(found, Trajectory)
        assert (found.usage.output_tokens, found.usage.input_tokens) == (10, 4)
        assert found.usage.cost == Decimal("0.25")


def test_after_a_damaged_puzzle_the_next_ones_cost_is_unknown(tmp_path: Path) -> None:
    hurt = [PUZZLES[0], PUZZLES[1] | {"accs": [True]}, PUZZLES[2]]
    _, refused, third = read(tmp_path, json.dumps(hurt, indent=1))
    assert refused == Refused(18, "there are 2 answers, but 1 verdicts")
    assert isinstance(third, Trajectory)
    assert (third.usage.cost, third.usage.tokens) == (None, None)


def test_a_reflexion_log(tmp_path: Path) -> None:
    found = one(tmp_path, REACT)
    assert (found.question, found.answers, found.output) == ("Who?", ["Bob"], "Ada")
    assert found.instructions.endswith("Learn.\nReflections:\n- look twice")
    assert (found.passed, found.reward, found.ending) == (False, 0.0, "wrong")
    assert [(s.kind, s.is_error, s.reward) for s in found.steps] == [
        ("act", True, None),
        ("answer", False, 0.0),
    ]
    assert found.steps[0].observation == "Could not find [who].\nAnd more."


def without(data: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != key}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (json.dumps(WEBSHOP) + "\n{", 2, "it is not JSON"),
        (json.dumps(WEBSHOP) + "\n\n[1]\n", 3, "it is no JSON object"),
        (json.dumps(WEBSHOP | {"n_steps": 5}), 1, "n_steps is 5, but there are 2"),
        (json.dumps(WEBSHOP | {"score": 1.5}), 1, "score: Input should be less than or equal to 1"),
        (json.dumps(BABYAI | {"actions": [2, 7]}), 1, "actions.1 is 7, not one of 0 to 6"),
        (json.dumps(CHAT | {"messages": CHAT["messages"][:4]}), 1, "no <answer>"),
        (json.dumps(CHAT | {"messages": CHAT["messages"][:3]}), 1, "0 tool responses to 2 calls"),
        (json.dumps(CHAT).replace("{}}", "{}"), 1, "messages.2.content: a tool call is damaged"),
        (REACT.replace("Observation 1", "Observation 2"), 2, "line 7: 'Observation 2"),
        (REACT.replace("Correct answer: Bob", ""), 2, "ends without 'Correct answer:'"),
        (REACT.replace("Search[who]", "Search"), 2, "Action 1 is 'Search', not name[argument]"),
        ("stray\n" + REACT, 1, "it does not begin with 'Question: '"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_refused_with_its_line(
    text: str, line: int, reason: str, tmp_path: Path
) -> None:
    refused = [item for item in read(tmp_path, text) if isinstance(item, Refused)]
    assert [item.line for item in refused] == [line]
    assert reason in refused[0].reason


def test_a_lone_surrogate_is_refused(tmp_path: Path) -> None:
    text = json.dumps(WEBSHOP | {"instruction": "\ud83d"})
    (refused,) = read(tmp_path, text)
    assert isinstance(refused, Refused)
    assert "instruction" in refused.reason


@pytest.mark.parametrize("text", ["", "\n", "[]", "Dear diary,", '{"a": 1}', "\x00\xff"])
def test_a_file_of_no_known_format_is_told(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="none of the formats"):
        read(tmp_path, text)


def test_a_format_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such format: nope"):
        importer_of(tmp_path / "x", "nope")
    with pytest.raises(ConfigurationError, match="No such file"):
        importer_of(tmp_path / "x")


def test_a_named_format_needs_no_recognising(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(json.dumps(WEBSHOP, indent=2))
    refused = list(IMPORTERS["webshop-react"].read(path))
    assert [item.line for item in refused if isinstance(item, Refused)] == list(
        range(1, len(path.read_text().splitlines()) + 1)
    )


async def test_what_evals_keep_of_an_attempt(tmp_path: Path) -> None:
    await run(tmp_path / "run", CountingModel(fails=r"Task [3] "), size=5)
    path = tmp_path / "run" / "trajectories.jsonl"
    assert importer_of(path).name == "evals"
    outcomes = {key.task_id: found for key, found in read_outcomes(tmp_path / "run").items()}
    found = list(importer_of(path).read(path))
    assert len(found) == len(outcomes) == 5
    for item in found:
        assert isinstance(item, Trajectory), item
        outcome = outcomes[item.task_id]
        assert (item.passed, item.reward) == (outcome.passed, outcome.value)
        assert (item.turns, item.actions) == (outcome.steps, outcome.tool_calls)
        assert item.entities_found == outcome.entities_found
        assert item.usage.tokens == outcome.usage.total_tokens
        parts = [step.usage for step in item.steps]
        assert sum(part.tokens or 0 for part in parts) == outcome.usage.total_tokens
        assert item.steps[-1].kind == "answer"
        assert item.steps[-1].arguments["argument"] == item.output


async def test_of_two_lines_about_an_attempt_the_later_counts(tmp_path: Path) -> None:
    await run(tmp_path / "run", CountingModel(), size=2)
    path = tmp_path / "run" / "trajectories.jsonl"
    first, second = path.read_text().splitlines()
    failed = json.dumps(json.loads(first) | {"ending": "infrastructure", "output": ""})
    path.write_text("\n".join([failed, second, first, "{"]) + "\n")
    found = list(importer_of(path).read(path))
    assert [item.line for item in found if isinstance(item, Refused)] == [1, 4]
    assert "line 3 is about the same attempt" in str(found[0])
    taken = [item for item in found if isinstance(item, Trajectory)]
    assert [(item.source.line, item.passed) for item in taken] == [(2, True), (3, True)]


def chat(arguments: str) -> str:
    """A chat with one call of these arguments."""
    function = {"name": "look", "arguments": arguments}
    call = {"id": "a", "type": "function", "function": function}
    messages = [
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "Ada"},
        {"role": "assistant", "content": "Ada"},
    ]
    return json.dumps({"messages": messages})


@pytest.mark.parametrize("depth", [5, 150, 190, 210, 240, 400, 900])
def test_what_is_taken_can_be_written_and_read_again(depth: int, tmp_path: Path) -> None:
    texts = [chat('{"x": ' + "[" * depth + "]" * depth + "}"), chat('{"x": "\\ud83d"}'), chat("{}")]
    texts.append(chat('{"x": NaN}'))
    found = read(tmp_path, "\n".join(texts))
    taken = [item for item in found if isinstance(item, Trajectory)]
    assert len(found) == 4
    assert isinstance(found[2], Trajectory)
    write_trajectories(tmp_path / "kept.jsonl", taken)
    assert list(read_trajectories(tmp_path / "kept.jsonl")) == taken
    export_file(tmp_path / "kept.jsonl", tmp_path / "out.jsonl", "chat")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(REACT.encode().replace(b"[who]", b"[w\xe9]"))
    (refused,) = importer_of(path).read(path)
    assert isinstance(refused, Refused)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    found = one(tmp_path, json.dumps(WEBSHOP))
    path = tmp_path / "kept.jsonl"
    assert write_trajectories(path, [found, found]) == 2
    assert list(read_trajectories(path)) == [found, found]

    def failing() -> Any:
        yield found
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_trajectories(path, failing())
    assert list(read_trajectories(path)) == [found, found]
    assert {item.name for item in tmp_path.iterdir()} == {"log", "kept.jsonl"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Invalid JSON"),
        ('{"version":1}', "id: Field required"),
        ('{"version":2,"id":"a"}', "version: Input should be 1"),
    ],
)
def test_a_damaged_line_of_ours_is_told(line: str, reason: str, tmp_path: Path) -> None:
    found = one(tmp_path, json.dumps(WEBSHOP))
    path = tmp_path / "kept.jsonl"
    path.write_text(f"{found.to_line()}\n{line}\n")
    with pytest.raises(ConfigurationError, match=rf"line 2 is no trajectory: {reason}"):
        list(read_trajectories(path))


@pytest.mark.parametrize("turns", [(1,), (0, 2), (0, 1, 0)])
def test_turns_count_up_from_0(turns: tuple[int, ...], tmp_path: Path) -> None:
    found = json.loads(one(tmp_path, json.dumps(WEBSHOP)).to_line())
    found["steps"] = [{"turn": turn} for turn in turns]
    with pytest.raises(ValueError, match="is of turn"):
        Trajectory.model_validate_json(json.dumps(found))
