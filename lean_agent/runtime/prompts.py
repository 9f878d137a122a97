"""Every word the runtime itself says to a model, but for how strategies of reasoning ask.

One system prompt serves all modes, so that their requests share a prefix; what a mode asks for
stands in the last user message. Spec: gating ("Modes").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lean_agent.ledger.budget import Remaining
from lean_agent.reasoning import ANSWER_MARK

__all__ = [
    "SYSTEM",
    "again",
    "agent_task",
    "before_question",
    "budget_line",
    "final_answer",
    "form",
    "from_answer",
    "from_evidence",
    "go_on",
    "going_round",
    "in_your_form",
    "malformed",
    "misfit",
    "no_more_tools",
    "pictures",
    "question_of",
    "refused",
    "repeated",
    "same_result",
    "stop_reasoning",
    "unknown",
]

SYSTEM = "You are a careful assistant. Answer correctly, directly and briefly."


def stop_reasoning() -> str:
    """Asks for the answer of a reasoning that ran out of its budget."""
    return f"Stop thinking. Write only the answer, after '{ANSWER_MARK}'."


def agent_task(task: str, instructions: str, examples: str = "") -> str:
    """What stands before the task: the tools' text, which is the same in every run and so stays
    cached, then the examples, which are the task's own.
    """
    before = [text for text in (instructions, examples) if text]
    return "\n\n".join([*before, f"Question: {task}"]) if before else task


def pictures(count: int) -> str:
    """Stands beside pictures, before the message that asks about them."""
    return "The picture:" if count == 1 else "The pictures:"


def question_of(message: str) -> str:
    """The task of such a message, or the message, if it has no other."""
    return message.rpartition("\n\nQuestion: ")[2]


def before_question(message: str) -> str:
    """What stands before the task in such a message; "" where nothing does."""
    return message.rpartition("\n\nQuestion: ")[0]


def left_out() -> str:
    """Stands for the questions of earlier turns that a full window had no room for."""
    return "(left out)"


def again(task: str, problem: str) -> str:
    """The task once more, in a stronger mode, after an answer that failed its check."""
    return f"That answer will not do: {problem}. {task}"


def final_answer(task: str, *, found: bool) -> str:
    """Asks for the agent's answer; what was found stands in the messages before."""
    source = " from what was found" if found else " in plain text, without tools"
    return f"Now answer{source}, as briefly as the question allows: {task}"


def from_evidence(evidence: str, task: str) -> str:
    """The final answer from evidence alone: a permitted break of the prefix, when room is short."""
    return f"{evidence}\n\nAnswer from the text above, briefly: {task}"


def malformed(problem: str) -> str:
    """Tells the model what to mend in its action."""
    return f"That was not a valid action: {problem}"


def repeated() -> str:
    """Stands for the result of a call that was made before."""
    return "You have this result already (same call as before). Use another query, or answer."


def same_result() -> str:
    """Stands for the result of another call that is the one of an earlier call again."""
    return "This gave the same result as an earlier call. Use another query, or answer."


def refused(reason: str) -> str:
    """Stands for the result of a call that was not made."""
    return f"Refused: {reason}. Do something else, or answer."


def unknown() -> str:
    """Stands for the result of a call that a kill or an interrupt cut off."""
    return (
        "Unknown: the run was cut off after this call had begun. It may have happened or not. "
        "Do not just repeat it: look first, or say in your answer that it is not known."
    )


def going_round(reason: str) -> str:
    """Stands below the result of a call that goes on with a loop."""
    return f"\n\n(You are going round in circles: {reason}. Do something else, or answer.)"


def no_more_tools() -> str:
    """Answers a search for tools that finds none."""
    return "No other tool fits these words. Use other words, or do without."


def budget_line(left: Remaining) -> str:
    """What is left of the limits that are set; empty where none is."""
    parts = [
        f"{left.steps} steps" if left.steps is not None else "",
        f"{left.tool_calls} tool calls" if left.tool_calls is not None else "",
        f"{left.tokens} tokens" if left.tokens is not None else "",
        f"${left.usd:.4f}" if left.usd is not None else "",
        f"{left.seconds:.0f} seconds" if left.seconds is not None else "",
    ]
    told = ", ".join(part for part in parts if part)
    return f"\n\n(Left to spend: {told})" if told else ""


def go_on(*, agent: bool) -> str:
    """Begins the second part of a run that a limit ended."""
    if agent:
        return "There is room to go on now. Use tools for what is missing, or answer."
    return "There is room to go on now. Continue exactly where your text ended."


def form(schema: Mapping[str, Any]) -> str:
    """Tells the model of the form that its answer is to have: the same bytes in every run."""
    told = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    return f"Write the answer as one JSON object that fits this schema, and nothing else:\n{told}"


def in_your_form() -> str:
    """Asks for an answer that stands in words, in the form that follows."""
    return "Now put that answer into a form."


def from_answer(task: str, answer: str) -> str:
    """The same from the answer alone, when the conversation is too long to go on with."""
    return f"Question: {task}\n\nAnswer: {answer}\n\n{in_your_form()}"


def misfit(problem: str) -> str:
    """Tells the model why its answer does not have the form that it was asked for."""
    return f"That will not do: {problem}. Write the whole JSON object again."
