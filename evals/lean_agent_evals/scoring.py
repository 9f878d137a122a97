"""GAIA's quasi exact match, rule for rule, so that scores compare with published ones.

Source: ``question_scorer`` in scorer.py of the GAIA leaderboard
(https://huggingface.co/spaces/gaia-benchmark/leaderboard); Mialon et al., arXiv 2311.12983,
section 3.2. The gold answer's form decides how a given answer is read. One thing is stricter here:
an answer that is no number equals no number, not even a gold answer of infinity.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

from lean_agent_evals.task import Score

__all__ = ["exact_score", "matches"]

_LIST_MARKS = re.compile("[,;]")
_UNITS = str.maketrans("", "", "$%,")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_MAX_SHOWN_CHARS = 120


def exact_score(answer: str, golds: Iterable[str]) -> Score:
    """1 if the whole of ``answer`` matches any of the gold answers, else 0."""
    known = list(golds)
    passed = any(matches(answer, gold) for gold in known)
    shown = " ".join(answer.split())[:_MAX_SHOWN_CHARS]
    detail = "" if passed else f"gold: {' | '.join(known)}; given: {shown or '(nothing)'}"
    return Score(value=float(passed), passed=passed, detail=detail)


def matches(answer: str, gold: str) -> bool:
    """Whether GAIA's scorer accepts the answer.

    Numbers are equal after ``$``, ``%`` and commas are taken away. A gold answer that is no number
    but holds a comma or semicolon is a list: as many elements, each equal in its place as a number
    or as text without case and space. Any other text is compared without case, space and ASCII
    punctuation.
    """
    if _number(gold) is not None:
        return _same_number(answer, gold)
    if not _LIST_MARKS.search(gold):
        return _squeezed(answer).translate(_PUNCTUATION) == _squeezed(gold).translate(_PUNCTUATION)
    given, wanted = _LIST_MARKS.split(answer), _LIST_MARKS.split(gold)
    return len(given) == len(wanted) and all(map(_same_element, given, wanted))


def _same_element(given: str, wanted: str) -> bool:
    if _number(wanted) is not None:
        return _same_number(given, wanted)
    return _squeezed(given) == _squeezed(wanted)


def _same_number(given: str, wanted: str) -> bool:
    number = _number(given.translate(_UNITS))
    return number is not None and number == _number(wanted)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _squeezed(text: str) -> str:
    return re.sub(r"\s", "", text).lower()
