from __future__ import annotations

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent.gate import Signals
from lean_agent.gating.rules import RuleGate

BUILT_IN = frozenset({"calculator", "python", "read_file", "list_files"})


SEARCHING = BUILT_IN | {"search"}


def mode_of(
    task: str,
    tools: frozenset[str] = BUILT_IN,
    *,
    has_files: bool = False,
    names_held: bool | None = None,
) -> str:
    signals = Signals(task=task, tools=tools, has_files=has_files, names_held=names_held)
    return RuleGate().decide(signals).way.name


@pytest.mark.parametrize(
    ("task", "mode"),
    [
        ("What is the capital of Australia?", "instant"),
        ("Translate 'good night' into French.", "instant"),
        ("hello there", "instant"),
        ("What is 2347 * 912?", "agent"),
        ("Calculate the square root of 1369.", "agent"),
        ("Which files are in this folder?", "agent"),
        ("Fetch https://example.org/a and tell me its title", "agent"),
        ("Tom has 3 boxes with 12 eggs each. How many eggs are left if 5 break?", "reason"),
        ("Prove that the sum of two odd numbers is even.", "reason"),
    ],
)
def test_modes_of_plain_tasks(task: str, mode: str) -> None:
    assert mode_of(task) == mode


def test_without_tools_nothing_becomes_agent() -> None:
    assert mode_of("What is 2347 * 912?", frozenset()) == "instant"


def test_attached_documents_ask_for_the_agent() -> None:
    assert mode_of("Who wrote it?", SEARCHING, has_files=True) == "agent"
    assert mode_of("thanks", SEARCHING, has_files=True) == "instant"


def test_a_name_that_the_documents_hold_asks_for_the_agent_and_another_one_does_not() -> None:
    about = "What does Maria pay?"
    assert mode_of(about, SEARCHING, has_files=True, names_held=True) == "agent"
    assert mode_of(about, SEARCHING, has_files=True, names_held=False) == "instant>agent"
    assert mode_of("Search for Maria", SEARCHING, has_files=True, names_held=False) == "agent"
    assert mode_of(about, frozenset({"weather"}), names_held=False) == "agent"


@pytest.mark.parametrize(
    "task", ["Write a story about a dragon", "tell me a joke", "count from one to a thousand"]
)
def test_what_is_made_up_is_not_looked_up(task: str) -> None:
    assert mode_of(task, SEARCHING, has_files=True) == "instant"
    assert mode_of(task, SEARCHING, has_files=True, names_held=True) == "agent"
    assert mode_of("Write a summary of the story", SEARCHING, has_files=True) == "agent"


def test_the_callers_own_tools_ask_for_the_agent() -> None:
    assert mode_of("How warm is it in Oslo?", frozenset({"weather"})) == "agent"


def test_forced_mode_wins_and_says_so() -> None:
    decision = RuleGate().decide(Signals(task="2+2", tools=BUILT_IN, forced="instant"))
    assert (decision.mode, decision.reason) == ("instant", "forced by the caller")


def test_agent_mode_without_tools_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one tool"):
        RuleGate().decide(Signals(task="2+2", forced="agent"))


def test_every_decision_gives_a_reason() -> None:
    for task in ("a", "2*2", "search for x", "hello"):
        assert RuleGate().decide(Signals(task=task, tools=BUILT_IN)).reason


def test_small_talk_is_not_gone_on_with_for_the_name_it_holds() -> None:
    greeting = Signals(
        task="Hello Alice", tools=frozenset({"search"}), has_files=True, names_held=False
    )
    decision = RuleGate().decide(greeting)
    assert (decision.way.name, decision.reason) == ("instant", "small talk")
