"""Questions whose answer is computed from facts of several pages: arithmetic and dates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.draft import Draft, calculate, open_page, run_python
from lean_agent_evals.suites.gaia_like.encyclopedia import Encyclopedia
from lean_agent_evals.suites.gaia_like.hops import called, link_targets, phrase
from lean_agent_evals.suites.gaia_like.pages import Fact, Page, line

__all__ = ["arithmetic_questions", "date_questions", "deep_arithmetic", "deep_dates"]


def arithmetic_questions(book: Encyclopedia, dice: Dice) -> Iterator[Draft]:
    """On facts of the one or two pages that the question names."""
    towns = [page for page in book.pages.values() if page.what == "town"]
    firms = [page for page in book.pages.values() if page.what == "firm"]
    while True:
        one, other = dice.sample(towns, 2)
        if _number(one, "population") != _number(other, "population"):
            yield _population_gap(one, other)
        if growth := _growth(dice, dice.pick(firms)):
            yield growth


def _population_gap(one: Page, other: Page) -> Draft:
    larger, smaller = sorted(
        (one, other), key=lambda page: _number(page, "population"), reverse=True
    )
    numbers = [_number(page, "population") for page in (larger, smaller)]
    return Draft(
        question=f"How many more inhabitants has {larger.title} than {smaller.title}?",
        answers=(str(numbers[0] - numbers[1]),),
        level=1,
        entities=(larger.title, smaller.title),
        evidence=tuple(page.fact("population").sentence for page in (larger, smaller)),
        calls=(
            open_page(larger.title),
            open_page(smaller.title),
            calculate(f"{numbers[0]} - {numbers[1]}"),
        ),
    )


def _growth(dice: Dice, firm: Page) -> Draft | None:
    """Between two of a firm's years; None where halves could be rounded either way."""
    first, last = sorted(dice.sample(firm.rows, 2))
    before, after = (int(row[1].replace(",", "")) for row in (first, last))
    exact = Decimal(after - before) * 100 / before
    change, other = (
        exact.quantize(Decimal("0.1"), way) for way in (ROUND_HALF_UP, ROUND_HALF_DOWN)
    )
    if change != other or not change:
        return None
    return Draft(
        question=f"By how many percent did the revenue of {firm.title} in {last[0]} differ from "
        f"its revenue in {first[0]}? Round to one decimal; a fall is negative.",
        answers=(str(change),),
        level=1,
        entities=(firm.title,),
        evidence=(line(first), line(last)),
        calls=(
            open_page(firm.title),
            calculate(f"round(({after} - {before}) / {before} * 100, 1)"),
        ),
    )


def deep_arithmetic(book: Encyclopedia, dice: Dice) -> Iterator[Draft]:
    """On the populations of two towns that are some hops from what the question names."""
    starts = [page for page in book.pages.values() if page.what in {"novel", "opera", "bridge"}]
    while True:
        ends = [_town_walk(book, dice, dice.pick(starts)) for _ in range(2)]
        walks = [walk for walk in ends if walk]
        if len(walks) < 2 or walks[0][0][-1] is walks[1][0][-1]:
            continue
        numbers = [_number(pages[-1], "population") for pages, _ in walks]
        phrases = [phrase(pages[0], links) for pages, links in walks]
        pages = [page for walk, _ in walks for page in walk]
        yield Draft(
            question=f"How many inhabitants have {phrases[0]} and {phrases[1]} together?",
            answers=(str(sum(numbers)),),
            level=2,
            entities=tuple(page.title for page in pages),
            evidence=(
                *(link.sentence for _, links in walks for link in links),
                *(walk[-1].fact("population").sentence for walk, _ in walks),
            ),
            calls=(
                *(open_page(page.title) for page in pages),
                calculate(f"{numbers[0]} + {numbers[1]}"),
            ),
        )


def _town_walk(book: Encyclopedia, dice: Dice, start: Page) -> tuple[list[Page], list[Fact]] | None:
    """Two hops: to a person or firm, and to a town of theirs."""
    walk, links = [start], list[Fact]()
    for wanted in ({"author", "composer", "engineer", "builder"}, {"birthplace", "seat"}):
        there = [link for link in link_targets(book, walk) if link.relation in wanted]
        if not there:
            return None
        links.append(dice.pick(there))
        walk.append(book.pages[links[-1].value])
    return walk, links


def date_questions(book: Encyclopedia, dice: Dice) -> Iterator[Draft]:
    """On dates of people that the question names."""
    people = [page for page in book.pages.values() if page.has("born")]
    while True:
        one, other = dice.sample(people, 2)
        if _day(one, "born") != _day(other, "born"):
            yield _days_between(
                f"How many days lie between the birth of {one.title} and the birth of "
                f"{other.title}? Count only one of the two days.",
                [(one, "born"), (other, "born")],
                level=1,
            )
        person = dice.pick(people)
        if person.has("died"):
            yield _days_between(
                f"How many days after being born did {person.title} die?",
                [(person, "born"), (person, "died")],
                level=1,
            )
        yield _later_day(dice.pick(people), dice.between(3_000, 20_000))


def deep_dates(book: Encyclopedia, dice: Dice) -> Iterator[Draft]:
    """On the births of two people, one of them found through the other or through a work."""
    starts = [page for page in book.pages.values() if page.what in {"novel", "opera"}]
    while True:
        start = dice.pick(starts)
        maker = start.fact("author" if start.what == "novel" else "composer")
        person = book.pages[maker.value]
        if not person.has("teacher"):
            continue
        teacher = book.pages[person.fact("teacher").value]
        draft = _days_between(
            f"How many days older was the teacher of the {maker.relation} of {called(start)} "
            "than this pupil?",
            [(person, "born"), (teacher, "born")],
            level=2,
        )
        yield Draft(
            question=draft.question,
            answers=draft.answers,
            level=draft.level,
            entities=(start.title, *draft.entities),
            evidence=(maker.sentence, person.fact("teacher").sentence, *draft.evidence),
            calls=(open_page(start.title), *draft.calls),
        )


def _days_between(question: str, days: list[tuple[Page, str]], *, level: int) -> Draft:
    first, last = sorted(_day(page, relation) for page, relation in days)
    titles = list(dict.fromkeys(page.title for page, _ in days))
    return Draft(
        question=question,
        answers=(str((last - first).days),),
        level=level,
        entities=tuple(titles),
        evidence=tuple(page.fact(relation).sentence for page, relation in days),
        calls=(
            *map(open_page, titles),
            run_python(
                "from datetime import date\n"
                f"print((date.fromisoformat('{last}') - date.fromisoformat('{first}')).days)"
            ),
        ),
    )


def _later_day(person: Page, days: int) -> Draft:
    born = _day(person, "born")
    return Draft(
        question=f"Which day was {days} days after the day on which {person.title} was born? "
        "Give the date as YYYY-MM-DD.",
        answers=(str(born + timedelta(days=days)),),
        level=1,
        entities=(person.title,),
        evidence=(person.fact("born").sentence,),
        calls=(
            open_page(person.title),
            run_python(
                "from datetime import date, timedelta\n"
                f"print(date.fromisoformat('{born}') + timedelta(days={days}))"
            ),
        ),
    )


def _number(page: Page, relation: str) -> int:
    return int(page.fact(relation).value)


def _day(page: Page, relation: str) -> date:
    return date.fromisoformat(page.fact(relation).value)
