"""The free rules: a mode from the words of the task alone, at no cost. Spec: gating, step 1."""

from __future__ import annotations

import re

from lean_agent.errors import ConfigurationError
from lean_agent.gate import GateDecision, Signals

__all__ = ["RuleGate"]

_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_ARITHMETIC = re.compile(r"\d[\d,.]*\s*(?:[-+*/^%]|\*\*|plus|minus|times|divided by)\s*\(?\d", re.I)
_COMPUTE = re.compile(
    r"\b(?:calculate|compute|evaluate|square root of|(?:average|sum|product|percent) of)\b[^.?]*\d"
    r"|\d\s*(?:%|percent) of\b",
    re.I,
)
_CODE = re.compile(r"\b(?:python|script|run (?:this|the|some) code|execute)\b", re.I)
_LOOK_UP = re.compile(
    r"\b(?:search|look up|find in|according to|in the (?:documents?|files?|corpus|folder|notes))\b",
    re.I,
)
_FILES = re.compile(r"\b(?:files?|folders?|director(?:y|ies)|documents?|csv|spreadsheet)\b", re.I)
_QUANTITY = re.compile(
    r"\b(?:how (?:many|much|long|far|old)|total|altogether|each|per|left)\b", re.I
)
_PROOF = re.compile(
    r"\b(?:prove|derive|step by step|explain why|reason(?:ing)?|puzzle|riddle)\b", re.I
)
_CHAT = re.compile(
    r"^\s*(?:hi|hello|hey|thanks|thank you|good (?:morning|evening)|bye|ok|okay)\b[^?]{0,40}$",
    re.I,
)

_FILE_TOOLS = frozenset({"search", "read_file", "list_files"})
_BUILT_IN = _FILE_TOOLS | {"calculator", "python", "plan"}


def _tool_wanted(signals: Signals) -> str | None:
    """Why a tool is likely needed, or None."""
    task, tools = signals.task, signals.tools
    if signals.has_files and tools & _FILE_TOOLS:
        return "documents are attached"
    if tools - _BUILT_IN:
        return "the caller's own tools are offered"
    rules: tuple[tuple[bool, re.Pattern[str], str], ...] = (
        (bool(tools & _FILE_TOOLS), _LOOK_UP, "the task asks for a search"),
        (bool(tools & _FILE_TOOLS), _FILES, "the task speaks of files"),
        ("calculator" in tools or "python" in tools, _ARITHMETIC, "the task holds arithmetic"),
        ("calculator" in tools or "python" in tools, _COMPUTE, "the task asks to compute"),
        ("python" in tools, _CODE, "the task asks for code to be run"),
        (bool(tools), _URL, "the task names a URL"),
    )
    for offered, pattern, reason in rules:
        if offered and pattern.search(task):
            return reason
    return None


class RuleGate:
    """Decides by patterns. Errs towards agent where documents or own tools are offered."""

    def decide(self, signals: Signals) -> GateDecision:
        """Pick a mode.

        Raises:
            ConfigurationError: agent mode was forced and there is no tool to use.
        """
        if signals.forced == "agent" and not signals.tools:
            raise ConfigurationError(
                "agent mode needs at least one tool",
                hint="offer tools, or choose mode auto, instant or reason",
            )
        if signals.forced != "auto":
            return GateDecision(mode=signals.forced, reason="forced by the caller")
        if signals.domain:
            return GateDecision(
                mode="plan", reason=f"a search problem of the domain {signals.domain}"
            )
        if _CHAT.match(signals.task):
            return GateDecision(mode="instant", reason="small talk")
        wanted = _tool_wanted(signals)
        if wanted:
            return GateDecision(mode="agent", reason=wanted)
        numbers = len(re.findall(r"\d+", signals.task))
        if _PROOF.search(signals.task) or (numbers >= 2 and _QUANTITY.search(signals.task)):
            return GateDecision(
                mode="reason", reason="several quantities or a proof to work through"
            )
        return GateDecision(
            mode="instant", reason="nothing in the task asks for tools or reasoning"
        )
