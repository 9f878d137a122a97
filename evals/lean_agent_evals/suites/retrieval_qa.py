"""Multi-hop questions over passages: HotpotQA, 2WikiMultihopQA and MuSiQue in their own files.

All passages of a file are searched together, as in HippoRAG, which is harder than each question's
ten. Formats: https://hotpotqa.github.io, https://github.com/Alab-NII/2wikimultihop and
https://github.com/StonyBrookNLP/musique.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import AliasChoices, BaseModel, Field, model_validator

from lean_agent import RunResult
from lean_agent.retrieval.corpus import read_passages
from lean_agent.retrieval.lexical import LexicalIndex, LexicalRetriever
from lean_agent_evals.attempt import Attempt
from lean_agent_evals.records import read_records
from lean_agent_evals.short_answers import exact_match, f1
from lean_agent_evals.splits import half
from lean_agent_evals.suite import Solution
from lean_agent_evals.task import Score, Split, Task
from lean_agent_tools.search import SearchTool, search_tool

__all__ = ["RetrievalQA", "score_short_answer"]

_INSTRUCTIONS = (
    "Search the documents for what a question needs; it may need several. Give the answer alone, "
    "without a sentence around it: a name, a date, a few words, yes or no."
)
_LEVELS = {"easy": 1, "medium": 2, "hard": 3}
_HOPS = re.compile(r"(\d)hop")


class _Paragraph(BaseModel):
    title: str
    paragraph_text: str
    is_supporting: bool


class _Question(BaseModel):
    """A record of any of the three: HotpotQA and 2Wiki have a context, MuSiQue has paragraphs."""

    id: str = Field(validation_alias=AliasChoices("_id", "id"))
    question: str
    answer: str
    answer_aliases: list[str] = []
    answerable: bool = True
    type: str = ""
    level: str = ""
    context: list[tuple[str, list[str]]] = []
    supporting_facts: list[tuple[str, int]] = []
    paragraphs: list[_Paragraph] = []

    @model_validator(mode="after")
    def _has_passages(self) -> _Question:
        if not self.context and not self.paragraphs:
            raise ValueError("has neither a context nor paragraphs")
        return self

    @property
    def passages(self) -> Iterable[tuple[str, str]]:
        """Titles and texts."""
        yield from ((title, _joined(sentences)) for title, sentences in self.context)
        yield from ((found.title, found.paragraph_text) for found in self.paragraphs)

    @property
    def supporting(self) -> dict[str, str]:
        """Titles of the passages that prove the answer, each with a text that it holds."""
        sentences = dict(self.context)
        found = {
            title: _joined(sentences[title][number : number + 1])
            for title, number in self.supporting_facts
            if title in sentences
        }
        return found | {p.title: p.paragraph_text for p in self.paragraphs if p.is_supporting}

    @property
    def hops(self) -> int:
        """HotpotQA's own level as a number, or MuSiQue's number of hops."""
        named = _HOPS.match(self.id)
        return int(named[1]) if named else _LEVELS.get(self.level, 0)


def _joined(sentences: Iterable[str]) -> str:
    return " ".join(sentence.strip() for sentence in sentences)


class RetrievalQA:
    """Questions of one file, with ``search`` over all its passages.

    The score is F1, the best over the accepted answers; a task passes with an exact match.
    The titles of the supporting passages are the entities to be gathered.

    Raises:
        ConfigurationError: the file cannot be read, or a record has another form.
    """

    def __init__(self, path: Path) -> None:
        records = [record for record in read_records(path, _Question) if record.answerable]
        self._name = f"retrieval-qa-{path.stem}"
        self._tasks = [_task(record) for record in records]
        self._passages = dict.fromkeys(p for record in records for p in record.passages)

    @property
    def name(self) -> str:
        return self._name

    def tasks(self, split: Split, *, seed: int = 0, count: int | None = None) -> Sequence[Task]:
        """Half of the file's questions.

        Raises:
            ConfigurationError: more are asked for than there are.
        """
        return half(self._tasks, split, seed=seed, count=count)

    @contextmanager
    def open(self, task: Task) -> Generator[Attempt]:
        """The search tool is shared by all attempts, which cannot change it."""

        def scored(result: RunResult) -> Score:
            return score_short_answer(result.output, task.answers)

        yield Attempt(tools=[self._search], instructions=_INSTRUCTIONS, scorer=scored)

    def solution(self, task: Task) -> Solution:
        """Searches for each supporting passage by its title and a sentence that it holds."""
        calls = tuple(
            ("search", {"query": f"{title} {text}"})
            for title, text in task.data["supporting"].items()
        )
        return Solution(calls=calls, answer=task.answers[0])

    def best(self, task: Task) -> float:
        del task
        return 1.0

    @functools.cached_property
    def _search(self) -> SearchTool:
        """Over the passages and no answers, cut as those of a file of documents are."""
        lines = [json.dumps({"title": title, "text": text}) for title, text in self._passages]
        passages = read_passages("passages.jsonl", "\n".join(lines).encode())
        return search_tool(retriever=LexicalRetriever(LexicalIndex(passages), name=self._name))


def score_short_answer(answer: str, golds: Sequence[str]) -> Score:
    """F1 with the nearest gold answer; passed if it matches one exactly."""
    value = max(f1(answer, gold) for gold in golds)
    passed = any(exact_match(answer, gold) for gold in golds)
    detail = "" if passed else f"F1 {value:.2f}; gold: {' | '.join(golds)}"
    return Score(value=value, passed=passed, detail=detail)


def _task(record: _Question) -> Task:
    supporting = record.supporting
    return Task(
        id=record.id,
        question=record.question,
        answers=(record.answer, *record.answer_aliases),
        level=record.hops,
        kind=record.type,
        entities=tuple(supporting),
        data={"supporting": supporting},
    )
