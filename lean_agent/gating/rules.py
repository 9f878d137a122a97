"""The free rules: a mode from the words of the task alone, at no cost. Spec: gating, step 1."""

from __future__ import annotations

from typing import Final

from lean_agent.errors import ConfigurationError
from lean_agent.gate import GateDecision, Signals, Way
from lean_agent.gating.task_kinds import task_kinds
from lean_agent.gating.tool_kinds import COMPUTING, READING, own_tools
from lean_agent.gating.words import CHAT, MADE_UP, PATTERNS, quantities

__all__ = ["RuleGate"]

_WORDS: tuple[tuple[frozenset[str], str, str], ...] = (
    (READING, "look up", "the task asks for a search"),
    (READING, "files", "the task speaks of files"),
    (COMPUTING, "arithmetic", "the task holds arithmetic"),
    (COMPUTING, "compute", "the task asks to compute"),
    (frozenset({"python"}), "code", "the task asks for code to be run"),
)

_SURE: Final = 0.9
"""The confidence that tells an answer from a guess; a calibration said .92 for one model."""


def _tool_wanted(signals: Signals) -> str | None:
    """Why a tool is likely needed, or None."""
    task, tools = signals.task, signals.tools
    if _about_documents(signals):
        return "documents are attached"
    if own_tools(tools):
        return "the caller's own tools are offered"
    for offered, pattern, reason in _WORDS:
        if tools & offered and PATTERNS[pattern].search(task):
            return reason
    if tools and PATTERNS["url"].search(task):
        return "the task names a URL"
    return None


def _about_documents(signals: Signals) -> bool:
    """Whether a task may be one for the documents: erring towards yes, if there are any."""
    if not _has_documents(signals) or signals.names_held is False:
        return False
    return signals.names_held is True or not MADE_UP.match(signals.task)


def _has_documents(signals: Signals) -> bool:
    return signals.has_files and bool(signals.tools & READING)


class RuleGate:
    """Decides by patterns. Errs towards agent where documents or own tools are offered."""

    def decide(self, signals: Signals) -> GateDecision:
        """Pick a mode.

        Raises:
            ConfigurationError: agent mode was forced and there is no tool to use.
        """
        way, reason = _chosen(signals)
        return GateDecision(way=way, reason=reason, kinds=task_kinds(signals))


def _chosen(signals: Signals) -> tuple[Way, str]:
    """The way, and why."""
    if signals.forced == "agent" and not signals.tools:
        raise ConfigurationError(
            "agent mode needs at least one tool",
            hint="offer tools, or choose mode auto, instant or reason",
        )
    if signals.forced != "auto":
        return Way(mode=signals.forced), "forced by the caller"
    if signals.domain:
        return Way(mode="plan"), f"a search problem of the domain {signals.domain}"
    if CHAT.match(signals.task):
        return Way(mode="instant"), "small talk"
    if wanted := _tool_wanted(signals):
        return Way(mode="agent"), wanted
    if PATTERNS["proof"].search(signals.task) or quantities(signals.task):
        return Way(mode="reason"), "several quantities or a proof to work through"
    if _has_documents(signals) and signals.names_held is False:
        # A name may be spelled in another way, or stand in a file that is not searched.
        way = Way(mode="instant", then="agent", sure=_SURE)
        return way, "no name in it stands in the documents; agent where it is unsure"
    return Way(mode="instant"), "nothing in the task asks for tools or reasoning"
