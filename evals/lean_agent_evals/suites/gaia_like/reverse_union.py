"""Reverse-Union: vague clues to somebody, whose country then says over what to search."""

from __future__ import annotations

from collections.abc import Iterator

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.draft import Draft, alphabetical, calculate, open_page
from lean_agent_evals.suites.gaia_like.encyclopedia import Encyclopedia
from lean_agent_evals.suites.gaia_like.pages import Fact, Page, bridges_title, line
from lean_agent_evals.suites.gaia_like.tables import (
    LISTED,
    MAX_ENTITIES,
    MIN_ENTITIES,
    all_parts,
    bridges_between,
    sister_prizes,
)

__all__ = ["reverse_union_questions"]


def reverse_union_questions(book: Encyclopedia, dice: Dice) -> Iterator[Draft]:
    """Each names the table in which the anchor stands, and nothing else of the anchor."""
    countries = [page for page in book.pages.values() if page.what == "country"]
    while True:
        if draft := _by_laureate(book, dice, sister_prizes(book, dice)):
            yield draft
        if draft := _by_engineer(book, dice, dice.pick(countries)):
            yield draft


def _by_laureate(book: Encyclopedia, dice: Dice, prizes: list[Page]) -> Draft | None:
    """The anchor's native country is in the prizes' tables, and there the search goes on."""
    source, *others = prizes
    anchor = _anchor(book, dice, [row[1] for row in source.rows])
    if anchor is None:
        return None
    page, clue, clues = anchor
    country = next(row[2] for row in source.rows if row[1] == page.title)
    rows = [row for prize in others for row in prize.rows if row[2] == country]
    names = alphabetical(list(dict.fromkeys(row[1] for row in rows)))
    if names is None or not MIN_ENTITIES <= len(names) <= MAX_ENTITIES:
        return None
    which = " or ".join(f"the {prize.title}" for prize in others)
    return Draft(
        question=f"One of those who received the {source.title} {clue}. Which people born in the "
        f"same country as this person received {which}? {LISTED}",
        answers=(", ".join(names),),
        level=3,
        entities=(page.title, country, *(name for name in names if name != page.title)),
        evidence=(*(fact.sentence for fact in clues), *map(line, rows)),
        calls=(
            *all_parts(book, source.title),
            open_page(page.title),
            open_page(clues[1].value),
            *(call for prize in others for call in all_parts(book, prize.title)),
        ),
    )


def _by_engineer(book: Encyclopedia, dice: Dice, country: Page) -> Draft | None:
    """The anchor's native country is three pages away, and its bridges join the first ones."""
    anchor = _anchor(book, dice, [row[4] for row in book.pages[bridges_title(country.title)].rows])
    if anchor is None:
        return None
    page, clue, clues = anchor
    town = book.pages[page.fact("birthplace").value]
    region = book.pages[town.fact("region").value]
    native = book.pages[region.fact("country").value]
    first = dice.between(1800, 1940)
    last = dice.between(first + 20, 1999)
    rows = bridges_between(book, [country, native], first, last)
    if native is country or not MIN_ENTITIES <= len(rows) <= MAX_ENTITIES:
        return None
    lengths = [row[3] for row in rows]
    return Draft(
        question=f"One of those who designed the great bridges of {country.title} {clue}. What is "
        f"the total length in metres of the great bridges of {country.title} and of this person's "
        f"native country that were opened from {first} to {last}, both years included?",
        answers=(str(sum(map(int, lengths))),),
        level=3,
        entities=(page.title, town.title, region.title, native.title, *(row[0] for row in rows)),
        evidence=(
            *(fact.sentence for fact in clues),
            town.fact("region").sentence,
            region.fact("country").sentence,
            *map(line, rows),
        ),
        calls=(
            *all_parts(book, bridges_title(country.title)),
            *map(open_page, (page.title, clues[1].value, town.title, region.title)),
            *all_parts(book, bridges_title(native.title)),
            calculate(" + ".join(lengths)),
        ),
    )


def _anchor(
    book: Encyclopedia, dice: Dice, names: list[str]
) -> tuple[Page, str, tuple[Fact, Fact, Fact]] | None:
    """Somebody whom no other of these names fits, the clues in words, and the facts behind them:
    the birth, the employer, and what the employer makes."""
    people = [book.pages[name] for name in dict.fromkeys(names)]
    employed = [page for page in people if page.has("employer")]
    clues = [(page.fact("birth year").value[:3], _trade(book, page).value) for page in employed]
    alone = [page for page, clue in zip(employed, clues, strict=True) if clues.count(clue) == 1]
    if not alone:
        return None
    page = dice.pick(alone)
    trade = _trade(book, page)
    decade = page.fact("birth year").value[:3]
    clue = f"was born in the {decade}0s and once worked for {trade.value}"
    return page, clue, (page.fact("born"), page.fact("employer"), trade)


def _trade(book: Encyclopedia, person: Page) -> Fact:
    return book.pages[person.fact("employer").value].fact("trade")
