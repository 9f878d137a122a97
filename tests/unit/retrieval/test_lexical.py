from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lean_agent.retrieval.corpus import Passage
from lean_agent.retrieval.lexical import LexicalIndex
from lean_agent.retrieval.words import excerpt

DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))


def passage(text: str, title: str = "") -> Passage:
    return Passage(text, title, text, "file")


def texts(index: LexicalIndex, query: str, k: int = 5) -> list[str]:
    return [hit.passage.text for hit in index.search(query, k)]


@pytest.fixture(scope="module")
def animals() -> LexicalIndex:
    return LexicalIndex(
        [
            passage("The cat sat on the mat."),
            passage("A dog and a cat met; the cat won."),
            passage("Whales are large.", title="Blue whale"),
            passage("Ünïcode façade 1984 X"),
        ]
    )


def test_the_best_passages_come_first(animals: LexicalIndex) -> None:
    hits = animals.search("Which cat met a dog?")
    assert [hit.passage.text[:5] for hit in hits] == ["A dog", "The c"]
    assert hits[0].score > hits[1].score > 0


def test_titles_count(animals: LexicalIndex) -> None:
    assert texts(animals, "blue") == ["Whales are large."]


@pytest.mark.parametrize("query", ["ÜNÏCODE", "façade!", "year 1984", "x"])
def test_words_are_letters_and_digits_of_any_case(animals: LexicalIndex, query: str) -> None:
    assert texts(animals, query) == ["Ünïcode façade 1984 X"]


@pytest.mark.parametrize("query", ["", "?!", "the of and", "zebra", "\ud800"])
def test_nothing_shared_is_no_hit(animals: LexicalIndex, query: str) -> None:
    assert animals.search(query) == []


def test_k_may_be_larger_than_the_corpus_or_nothing(animals: LexicalIndex) -> None:
    assert len(animals.search("cat", 1_000)) == 2
    assert len(animals.search("cat", 1)) == 1
    assert animals.search("cat", 0) == []


def test_equal_passages_keep_their_order() -> None:
    index = LexicalIndex(
        [Passage(str(n), "t", "rare words" if n % 2 else "words", "f") for n in range(400)]
    )
    ids = [hit.passage.id for hit in index.search("rare words", 300)]
    assert ids == [str(n) for n in range(1, 400, 2)] + [str(n) for n in range(0, 200, 2)]


@pytest.mark.parametrize("passages", [[], [passage("")], [passage("the of")]])
def test_an_index_without_words_finds_nothing(passages: list[Passage]) -> None:
    index = LexicalIndex(passages)
    assert len(index) == len(passages)
    assert index.search("the anything") == []


def test_passages_without_words_do_not_disturb_the_others() -> None:
    index = LexicalIndex([passage("..."), passage("cat"), passage("")])
    assert texts(index, "cat") == ["cat"]


@pytest.mark.slow
def test_searching_from_several_threads() -> None:
    index = LexicalIndex([passage(f"word{n} common") for n in range(500)])
    with ThreadPoolExecutor(8) as pool:
        queries = [f"word{n} common" for n in range(500)]
        found = list(pool.map(partial(texts, index, k=1), queries))
    assert found == [[query] for query in queries]


def test_excerpts_show_where_the_words_are() -> None:
    filler = "Nothing of interest happens here. " * 20
    text = f"{filler}The ticket costs nine crowns. {filler}"
    found = excerpt(text, "ticket costs", 200)
    assert found.startswith("... ")
    assert "The ticket costs nine crowns." in found
    assert len(found) <= 210
    assert found.endswith(" ...")
    assert excerpt("short", "ticket", 200) == "short"
    late = f"{'The price list. ' * 11}A group visit. It costs 80 euros. {filler}"
    assert "80 euros" in excerpt(late, "group visit price", 200)
    start = excerpt(text, "unknown words", 200)
    assert start.startswith("Nothing of interest")
    assert len(excerpt("x" * 900, "x", 200)) <= 205


@pytest.mark.slow
def test_the_library_is_silent() -> None:
    script = """
import logging
logging.basicConfig(level=logging.WARNING)
from lean_agent.retrieval.corpus import Passage
from lean_agent.retrieval.lexical import LexicalIndex
LexicalIndex([Passage("1", "t", "some words", "f")] * 2000).search("words")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert logging.getLogger("bm25s").level >= logging.WARNING


def test_recall_on_multi_hop_questions() -> None:
    folder = DATA / "hotpotqa_dev"
    if not folder.is_dir():
        pytest.skip("no LEAN_AGENT_TEST_DATA")
    pages: dict[str, list[str]] = json.loads((folder / "corpus.json").read_text())
    questions: list[dict[str, Any]] = json.loads((folder / "questions.json").read_text())
    started = time.perf_counter()
    index = LexicalIndex(
        [Passage(title, title, " ".join(lines), "corpus.json") for title, lines in pages.items()]
    )
    assert time.perf_counter() - started < 30
    recall = 0.0
    for question in questions:
        gold = {title for title, _ in question["supporting_facts"]}
        found = {hit.passage.title for hit in index.search(question["question"], 5)}
        recall += len(gold & found) / len(gold) / len(questions)
    assert recall >= 0.76
