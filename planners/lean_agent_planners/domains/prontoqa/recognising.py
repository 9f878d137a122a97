"""Finds a PrOntoQA question in a task: rules, a fact, and 'True or false: ...' at the end."""

from __future__ import annotations

import re

from lean_agent_planners.domain import Excerpt

__all__ = ["find"]

_QUERY = re.compile(r"True or false:\s*(?P<said>[^.?!\n]{1,60} is [^.?!\n]{1,60})[.?]?", re.I)
_WORD = r"[\w-]+"
_SAID = rf"(?:not )?(?:an? )?{_WORD}(?: {_WORD}){{0,2}}"
_SENTENCE = re.compile(
    rf"(?:(?:Each|Every) {_WORD}(?: {_WORD}){{0,2}} is|{_WORD}(?: {_WORD}){{0,2}} are|{_WORD} is)"
    rf" {_SAID}\Z"
)
_RULE = re.compile(r"\b(?:Each|Every)\b|\bare\b")
_LEAST_RULES = 3
_MOST_LEAD = 10


def find(task: str) -> Excerpt | None:
    """The sentences and the query; None unless every sentence has one of the forms.

    Lines, and what ends with a colon, may stand before the sentences.
    """
    queries = list(_QUERY.finditer(task))
    if len(queries) != 1:
        return None
    query = queries[0]
    before = task[: query.start()].rstrip()
    told = re.split(r"\n\s*\n|:\s+|\n", before)
    for first in range(min(len(told), _MOST_LEAD)):
        text = " ".join(" ".join(told[first:]).split())
        sentences = [one for one in re.split(r"\.(?:\s+|\Z)", text) if one]
        if all(map(_SENTENCE.match, sentences)):
            if sum(_RULE.search(one) is not None for one in sentences) < _LEAST_RULES:
                return None
            lead = " ".join(told[:first])
            instance = f"{text} True or false: {query['said'].strip()}."
            return Excerpt(instance, f"{lead} True or false {task[query.end() :]}")
    return None
