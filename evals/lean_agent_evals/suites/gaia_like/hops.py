"""Questions whose answer is so many pages away, each page named only on the one before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.draft import Draft, open_page
from lean_agent_evals.suites.gaia_like.encyclopedia import Encyclopedia
from lean_agent_evals.suites.gaia_like.pages import Fact, Page

__all__ = ["called", "hop_questions", "link_targets", "phrase"]

LINKS = {
    "anthem": "the author of the anthem of {}",
    "author": "the author of {}",
    "birthplace": "the birthplace of {}",
    "builder": "the builder of {}",
    "capital": "the capital of {}",
    "ceremony": "the town that hosts the ceremony of {}",
    "college": "the college attended by {}",
    "composer": "the composer of {}",
    "country": "the country of {}",
    "creation": "the institution founded by {}",
    "dedicatee": "the dedicatee of {}",
    "employer": "the employer of {}",
    "engineer": "the designer of {}",
    "founder": "the founder of {}",
    "home": "the town that owns {}",
    "mouth": "the town at the mouth of {}",
    "painter": "the painter of {}",
    "parent": "the owner of {}",
    "premiere": "the town of the first performance of {}",
    "publisher": "the publisher of {}",
    "region": "the region of {}",
    "river": "the river of {}",
    "seat": "the home town of {}",
    "setting": "the town in the setting of {}",
    "shown": "the bridge shown in {}",
    "site": "the town of {}",
    "sponsor": "the sponsor of {}",
    "statue": "the person on the statue in {}",
    "teacher": "the teacher of {}",
    "twin": "the twin town of {}",
    "words": "the librettist of {}",
}
"""How a question speaks of the page that a relation leads to."""

_ENDS = {
    "area": "How many square kilometres is the area of {}?",
    "birth year": "In which year was {} born?",
    "born": "On which day was {} born? Give the date as YYYY-MM-DD.",
    "death year": "In which year did {} die?",
    "died": "On which day did {} die? Give the date as YYYY-MM-DD.",
    "finished": "In which year was {} finished?",
    "founded": "In which year was {} founded?",
    "opened": "In which year was {} opened?",
    "population": "How many inhabitants has {}?",
    "premiered": "In which year was {} first given?",
    "published": "In which year was {} published?",
}
_LENGTHS = {"river": "How many kilometres long is {}?", "bridge": "How many metres long is {}?"}

_FEW = {"country", "region", "river", "college", "prize", "list"}
"""Kinds of pages of which there are so few that a name could be guessed."""

_CALLED = {
    "novel": "the novel {}",
    "painting": "the painting {}",
    "opera": "the opera {}",
    "prize": "the {}",
    "river": "the {}",
}


def called(page: Page) -> str:
    """A page's title with the article or word that it needs in a sentence."""
    return _CALLED.get(page.what, "{}").format(page.title)


def phrase(start: Page, links: Sequence[Fact]) -> str:
    """What the links lead to, in words that name the start alone."""
    words = called(start)
    for link in links:
        words = LINKS[link.relation].format(words)
    return words


def hop_questions(book: Encyclopedia, dice: Dice, hops: int) -> Iterator[Draft]:
    """Questions for which ``hops`` pages must be read, without end."""
    starts = [page for page in book.pages.values() if page.what not in _FEW - {"prize", "river"}]
    while True:
        walk = [dice.pick(starts)]
        facts: list[Fact] = []
        while len(walk) < hops and (links := link_targets(book, walk)):
            facts.append(dice.pick(links))
            walk.append(book.pages[facts[-1].value])
        if len(walk) == hops and (ends := _ends(book, walk)):
            yield _draft(walk, [*facts, dice.pick(ends)])


def link_targets(book: Encyclopedia, walk: list[Page]) -> list[Fact]:
    """Where the walk can go on: to pages that none of its pages but the last names."""
    earlier = [_whole(book, page) for page in walk[:-1]]
    return [
        fact
        for fact in walk[-1].facts
        if fact.relation in LINKS
        and book.pages[fact.value] not in walk
        and not any(fact.value in text for text in earlier)
    ]


def _ends(book: Encyclopedia, walk: list[Page]) -> list[Fact]:
    """What may be asked for: what only the last page says, and nobody would guess."""
    earlier = [_whole(book, page) for page in walk[:-1]]
    names = [fact for fact in link_targets(book, walk) if book.pages[fact.value].what not in _FEW]
    values = [
        fact
        for fact in walk[-1].facts
        if (fact.relation in _ENDS or fact.relation == "length")
        and not any(shown in text for text in earlier for shown in _shown(fact.value))
    ]
    return names + values


def _shown(value: str) -> tuple[str, ...]:
    return (value, f"{int(value):,}") if value.isdigit() else (value,)


def _whole(book: Encyclopedia, page: Page) -> str:
    return "\n".join(book.parts(page.title))


def _draft(walk: list[Page], facts: list[Fact]) -> Draft:
    *links, end = facts
    if end.relation in LINKS:
        question = f"What is the name of {phrase(walk[0], facts)}?"
    else:
        asked = _LENGTHS[walk[-1].what] if end.relation == "length" else _ENDS[end.relation]
        question = asked.format(phrase(walk[0], links))
    found = [end.value] if end.relation in LINKS else []
    return Draft(
        question=question,
        answers=(end.value,),
        level=(len(walk) + 1) // 2,
        entities=(*(page.title for page in walk), *found),
        evidence=tuple(fact.sentence for fact in facts),
        calls=tuple(open_page(page.title) for page in walk),
    )
