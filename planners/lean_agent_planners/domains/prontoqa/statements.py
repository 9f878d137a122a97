"""Reads the sentences of PrOntoQA (2210.01240): rules, one fact about a named thing, a query."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lean_agent.errors import ConfigurationError

__all__ = ["Task", "read_task"]

_HINT = "give the sentences, then 'True or false: Sally is not bony.'"
_QUERY = re.compile(r"\s*True or false:\s*(.+)\.\s*\Z", re.DOTALL)
_RULE = re.compile(r"(?:(?:Each|Every) (?P<one>.+) is|(?P<many>.+) are) (?P<said>.+)\Z")
_FACT = re.compile(r"(?P<thing>.+?) is (?P<said>.+)\Z")
_ARTICLE = re.compile(r"\Aan? ")


@dataclass(frozen=True, slots=True)
class Task:
    """``facts`` about the thing asked about, ``rules`` as (condition, conclusion), the ``goal``.

    Kinds and properties are singular and in small letters; "not-bony" denies "bony".
    """

    facts: tuple[str, ...]
    rules: tuple[tuple[str, str], ...]
    goal: str


def read_task(text: str) -> Task:
    """The task that a question and its query tell.

    Raises:
        ConfigurationError: a sentence has none of the forms.
    """
    asked = text.rfind("True or false:")
    query = _QUERY.match(text[asked:]) if asked >= 0 else None
    goal = _FACT.match(query[1]) if query else None
    if goal is None:
        raise ConfigurationError("there is no query 'True or false: ... is ...'", hint=_HINT)
    facts: list[str] = []
    rules: list[tuple[str, str]] = []
    for sentence in re.split(r"\.(?:\s+|\Z)", text[:asked].strip()):
        if not sentence:
            continue
        if rule := _RULE.match(sentence):
            condition = rule["one"].lower() if rule["one"] else _singular(rule["many"].lower())
            rules.append((condition, _said(rule["said"], plural=rule["many"] is not None)))
        elif fact := _FACT.match(sentence):
            if fact["thing"] == goal["thing"]:
                facts.append(_said(fact["said"], plural=False))
        else:
            raise ConfigurationError(f"{sentence[:80]!r} is no rule and no fact", hint=_HINT)
    if not facts:
        raise ConfigurationError(f"nothing is said about {goal['thing'][:80]}", hint=_HINT)
    return Task(tuple(facts), tuple(rules), _said(goal["said"], plural=False))


def _said(text: str, *, plural: bool) -> str:
    text = text.lower()
    denied = text.startswith("not ")
    text = text.removeprefix("not ")
    text = _singular(text) if plural else _ARTICLE.sub("", text, count=1)
    return f"not-{text}" if denied else text


def _singular(text: str) -> str:
    """The kind that a plural names; properties ("bony", "herbivorous") stay as they are."""
    if text.endswith("ies"):
        return text.removesuffix("ies") + "y"
    return text if text.endswith("ous") else text.removesuffix("s")
