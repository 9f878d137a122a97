from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from lean_agent import ConfigurationError, RunContext
from lean_agent_evals.check import check_suite
from lean_agent_evals.scoring import matches
from lean_agent_evals.suite import Suite
from lean_agent_evals.suites.gaia_like import GaiaLike
from lean_agent_evals.suites.gaia_like.contents import contents
from lean_agent_evals.suites.gaia_like.draft import alphabetical
from lean_agent_evals.task import Task

SMALL = 300
SUITE = GaiaLike(pages=SMALL)


@pytest.fixture(scope="module", params=["dev", "test"])
def tasks(request: pytest.FixtureRequest) -> Sequence[Task]:
    return SUITE.tasks(request.param, seed=1)


async def test_every_answer_of_a_small_world_is_reachable_and_none_is_nothing() -> None:
    assert isinstance(SUITE, Suite)
    assert await check_suite(SUITE, count=60) == []


@pytest.mark.slow
@pytest.mark.parametrize("pages", [SMALL, 2_000])
async def test_every_answer_is_reachable(pages: int) -> None:
    assert await check_suite(GaiaLike(pages=pages), seeds=range(2)) == []


@pytest.mark.soak
async def test_every_answer_of_many_worlds_is_reachable() -> None:
    assert await check_suite(SUITE, seeds=range(2, 30)) == []
    assert await check_suite(GaiaLike(), seeds=range(2, 8)) == []


def test_thirty_tasks_are_of_every_kind_and_level(tasks: Sequence[Task]) -> None:
    kinds = [Counter(task.kind for task in tasks[i : i + 30]) for i in range(0, 300, 30)]
    assert all(found == kinds[0] for found in kinds)
    assert len(kinds[0]) == 23
    levels = Counter(task.level for task in tasks)
    assert set(levels) == {1, 2, 3}
    assert min(levels.values()) >= 60
    assert sum(not task.needs_tools for task in tasks) == 30


def test_more_tasks_than_there_are_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="has 300 tasks for a seed, not 301") as error:
        SUITE.tasks("dev", count=301)
    assert "seed" in error.value.hint


def test_worlds_of_another_size_are_another_suite() -> None:
    assert (GaiaLike().name, SUITE.name) == ("gaia-like", "gaia-like-300")


def test_gold_answers_are_short_and_in_gaias_form(tasks: Sequence[Task]) -> None:
    for task in tasks:
        for gold in task.answers:
            assert gold == gold.strip()
            assert gold.isascii()
            assert matches(gold, gold)
            assert ";" not in gold
            if "," in gold:
                assert "commas" in task.question
            else:
                assert len(gold) < 40
        if task.needs_tools:
            assert len(task.answers) == 1
            assert task.answers[0].casefold() not in task.question.casefold()


def test_lists_have_one_order_and_ten_entities_or_more(tasks: Sequence[Task]) -> None:
    gathering = [task for task in tasks if task.kind in {"basic", "union", "reverse-union"}]
    assert len(gathering) == 60
    for task in gathering:
        assert len(set(task.entities)) >= 10
    listed = [task.answers[0].split(", ") for task in gathering if "," in task.answers[0]]
    assert len(listed) > 20
    assert all(alphabetical(names) == names and len(names) >= 10 for names in listed)


def test_an_order_that_depends_on_spaces_is_none() -> None:
    assert alphabetical(["Al Zed", "Ala Bed"]) is None
    assert alphabetical(["Bo Ab", "Al Zed"]) == ["Al Zed", "Bo Ab"]


def test_hops_lead_from_page_to_page_and_cannot_be_skipped(tasks: Sequence[Task]) -> None:
    for task in tasks:
        if not task.kind.startswith("hops-"):
            continue
        hops = int(task.kind[-1])
        book = contents(task.data["split"], 1, SMALL).book
        pages = task.entities[:hops]
        texts = ["\n".join(book.parts(title)) for title in pages]
        assert pages[0] in task.question
        ends = [*pages[1:], task.entities[-1] if len(task.entities) > hops else ""]
        for title, text, said in zip(ends, texts, task.data["evidence"], strict=True):
            assert said in text
            assert title in said
        for number, title in enumerate(task.entities[1:], 1):
            assert title not in task.question
            assert not any(title in text for text in texts[: number - 1])
        assert len(SUITE.solution(task).calls) == hops
        assert task.level == (hops + 1) // 2


async def test_the_last_call_computes_the_answer(tasks: Sequence[Task]) -> None:
    """An answer that was computed twice, once by the tool that an agent would use."""
    computed = Counter[str]()
    for task in tasks:
        solution = SUITE.solution(task)
        if not solution.calls or solution.calls[-1][0] not in {"calculator", "python"}:
            continue
        name, arguments = solution.calls[-1]
        with SUITE.open(task) as attempt:
            tool = next(tool for tool in attempt.tools if tool.spec.name == name)
            shown = await tool.call(arguments, RunContext())
        assert matches(shown, task.answers[0]), task.id
        computed[task.kind] += 1
    assert {"arithmetic", "arithmetic-deep", "dates", "dates-deep"} <= set(computed)
    assert sum(computed.values()) > 120


def test_no_answer_is_worth_guessing() -> None:
    """Whoever always says the most frequent answer to a kind of question is hardly ever right."""
    answers: dict[str, Counter[str]] = {}
    for seed in range(8):
        for task in SUITE.tasks("dev", seed=seed):
            if task.needs_tools:
                answers.setdefault(task.kind, Counter())[task.answers[0]] += 1
    for kind, found in answers.items():
        assert found.most_common(1)[0][1] <= 0.06 * found.total(), kind
    together = sum(answers.values(), Counter[str]())
    assert together.most_common(1)[0][1] <= 0.005 * together.total()
