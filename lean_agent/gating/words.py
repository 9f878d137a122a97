"""What the words of a task ask for, as far as patterns tell. Spec: gating, step 1."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["CHAT", "MADE_UP", "PATTERNS", "asks", "names", "quantities"]

CHAT: Final = re.compile(
    r"^\s*(?:hi|hello|hey|thanks|thank you|good (?:morning|evening)|bye|ok|okay)\b[^?]{0,40}$",
    re.I,
)

MADE_UP: Final = re.compile(
    r"^\s*(?:please |can you |could you )?(?:(?:write|tell|compose|make up|invent)(?: me| us)?"
    r"(?: an?| some)?(?: [\w-]+){0,2} (?:story|stories|poems?|haikus?|jokes?|songs?|limericks?)"
    r"|count (?:up |down )?(?:from \w+ )?to)\b",
    re.I,
)
"""What is not looked up anywhere."""

PATTERNS: Final = {
    "look up": re.compile(
        r"\b(?:search|look up|find in|according to"
        r"|in the (?:documents?|files?|corpus|folder|notes))\b",
        re.I,
    ),
    "files": re.compile(
        r"\b(?:files?|folders?|director(?:y|ies)|documents?|csv|spreadsheet)\b", re.I
    ),
    "arithmetic": re.compile(
        r"(?<=\d)[,.]*\s*(?:[-+*/^%]|\*\*|plus|minus|times|divided by)\s*\(?\d", re.I
    ),
    "compute": re.compile(
        r"\b(?:calculate|compute|evaluate|square root of"
        r"|(?:average|sum|product|percent) of)\b[^.?]{0,300}\d"
        r"|\d\s*(?:%|percent) of\b",
        re.I,
    ),
    "code": re.compile(r"\b(?:python|script|run (?:this|the|some) code|execute)\b", re.I),
    "url": re.compile(r"https?://\S+", re.I),
    "proof": re.compile(
        r"\b(?:prove|derive|step by step|explain why|reason(?:ing)?|puzzle|riddle)\b", re.I
    ),
}
"""In the order in which the first that is found says what a task is about. A task may be a pasted
file: each takes time in proportion to it.
"""

_QUANTITY = re.compile(
    r"\b(?:how (?:many|much|long|far|old)|total|altogether|each|per|left)\b", re.I
)
_NUMBER = re.compile(r"\d+")
_NAME = re.compile(r"(?<![.?!:]\s)(?<!^)\b[A-Z]\w*[a-z]\w*|\b(?=\w*[A-Za-z])(?=\w*\d)\w+", re.M)


def names(task: str) -> list[str]:
    """Words that seem to name something: capitals inside a sentence, letters mixed with digits."""
    return _NAME.findall(task)


def quantities(task: str) -> bool:
    """Whether several numbers stand beside a question for a quantity."""
    return len(_NUMBER.findall(task)) >= 2 and bool(_QUANTITY.search(task))


def asks(task: str) -> str:
    """What a task's words fit first: "small talk", one of PATTERNS, "quantities", or ""."""
    if CHAT.match(task):
        return "small talk"
    for name, pattern in PATTERNS.items():
        if pattern.search(task):
            return name
    return "quantities" if quantities(task) else ""
