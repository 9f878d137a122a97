"""The free rules: a mode from the words of the task alone, at no cost. Spec: gating, step 1."""

from __future__ import annotations

from lean_agent.errors import ConfigurationError
from lean_agent.gate import ChosenMode, GateDecision, Signals, Way
from lean_agent.gating.task_kinds import task_kinds
from lean_agent.gating.tool_kinds import COMPUTING, READING, own_tools
from lean_agent.gating.words import CHAT, PATTERNS, quantities

__all__ = ["RuleGate"]

_WORDS: tuple[tuple[frozenset[str], str, str], ...] = (
    (READING, "look up", "the task asks for a search"),
    (READING, "files", "the task speaks of files"),
    (COMPUTING, "arithmetic", "the task holds arithmetic"),
    (COMPUTING, "compute", "the task asks to compute"),
    (frozenset({"python"}), "code", "the task asks for code to be run"),
)


def _tool_wanted(signals: Signals) -> str | None:
    """Why a tool is likely needed, or None."""
    task, tools = signals.task, signals.tools
    if signals.has_files and tools & READING:
        return "documents are attached"
    if own_tools(tools):
        return "the caller's own tools are offered"
    for offered, pattern, reason in _WORDS:
        if tools & offered and PATTERNS[pattern].search(task):
            return reason
    if tools and PATTERNS["url"].search(task):
        return "the task names a URL"
    return None


class RuleGate:
    """Decides by patterns. Errs towards agent where documents or own tools are offered."""

    def decide(self, signals: Signals) -> GateDecision:
        """Pick a mode.

        Raises:
            ConfigurationError: agent mode was forced and there is no tool to use.
        """
        mode, reason = _chosen(signals)
        return GateDecision(way=Way(mode=mode), reason=reason, kinds=task_kinds(signals))


def _chosen(signals: Signals) -> tuple[ChosenMode, str]:
    """The mode, and why."""
    if signals.forced == "agent" and not signals.tools:
        raise ConfigurationError(
            "agent mode needs at least one tool",
            hint="offer tools, or choose mode auto, instant or reason",
        )
    if signals.forced != "auto":
        return signals.forced, "forced by the caller"
    if signals.domain:
        return "plan", f"a search problem of the domain {signals.domain}"
    if CHAT.match(signals.task):
        return "instant", "small talk"
    if wanted := _tool_wanted(signals):
        return "agent", wanted
    if PATTERNS["proof"].search(signals.task) or quantities(signals.task):
        return "reason", "several quantities or a proof to work through"
    return "instant", "nothing in the task asks for tools or reasoning"
