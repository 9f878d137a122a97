"""Exact match and F1 of short answers, as SQuAD and its successors score them.

Source: hotpot_evaluate_v1.py (https://github.com/hotpotqa/hotpot), which 2WikiMultihopQA's script
repeats and MuSiQue's metrics/answer.py agrees with but for yes and no. One thing is stricter here:
an answer of which nothing is left matches nothing.
"""

from __future__ import annotations

import re
import string
from collections import Counter

__all__ = ["exact_match", "f1", "normalised"]

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_CLOSED = frozenset({"yes", "no", "noanswer"})


def normalised(text: str) -> str:
    """Lower case, without ASCII punctuation and English articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, gold: str) -> bool:
    """Whether both are the same once normalised."""
    return bool(normalised(answer)) and normalised(answer) == normalised(gold)


def f1(answer: str, gold: str) -> float:
    """Harmonic mean of the shares of words in common; yes and no match only themselves."""
    given, wanted = normalised(answer), normalised(gold)
    if given != wanted and _CLOSED & {given, wanted}:
        return 0.0
    words, gold_words = given.split(), wanted.split()
    common = (Counter(words) & Counter(gold_words)).total()
    if not common:
        return 0.0
    precision, recall = common / len(words), common / len(gold_words)
    return 2 * precision * recall / (precision + recall)
