"""Questions that gather many entities from tables, in the three forms of WebLeaper (Tao et al.,
arXiv 2510.24697): Basic, one table; Union, tables that share their relations; Reverse-Union, clues
to a hidden anchor whose attribute then starts a search over other tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.draft import (
    Call,
    Draft,
    alphabetical,
    calculate,
    open_page,
)
from lean_agent_evals.suites.gaia_like.encyclopedia import Encyclopedia
from lean_agent_evals.suites.gaia_like.pages import Page, Row, bridges_title, line

__all__ = [
    "LISTED",
    "MAX_ENTITIES",
    "MIN_ENTITIES",
    "all_parts",
    "basic_questions",
    "bridges_between",
    "sister_prizes",
    "total_length",
    "union_questions",
]

MIN_ENTITIES = 10
"""Required by a question, as in the paper."""

MAX_ENTITIES = 18
LISTED = "List the names in alphabetical order, separated by commas."


def basic_questions(book: Encyclopedia, dice: Dice) -> Iterator[Draft]:
    """Over the list of one country's bridges, or the laureates of one prize."""
    countries = [page for page in book.pages.values() if page.what == "country"]
    prizes = [page for page in book.pages.values() if page.what == "prize"]
    while True:
        if draft := total_length(book, dice, [dice.pick(countries)], level=2):
            yield draft
        if draft := _laureates(book, dice, [dice.pick(prizes)]):
            yield draft


def union_questions(book: Encyclopedia, dice: Dice) -> Iterator[Draft]:
    """Over the bridges of two countries, or the laureates of two or three prizes of one kind."""
    countries = [page for page in book.pages.values() if page.what == "country"]
    while True:
        if draft := total_length(book, dice, dice.sample(countries, 2), level=3):
            yield draft
        prizes = sister_prizes(book, dice)
        if draft := _laureates(book, dice, prizes[:2]):
            yield draft
        if draft := _works_of_both(book, dice, prizes):
            yield draft


def all_parts(book: Encyclopedia, title: str) -> list[Call]:
    """The calls that read a page to its end."""
    return [open_page(title, number) for number in range(1, len(book.parts(title)) + 1)]


def total_length(
    book: Encyclopedia, dice: Dice, countries: Sequence[Page], *, level: int
) -> Draft | None:
    """Of the bridges opened in a random period; None where they are too few or too many."""
    first = dice.between(1800, 1940)
    last = dice.between(first + 20, 1999)
    rows = bridges_between(book, countries, first, last)
    if not MIN_ENTITIES <= len(rows) <= MAX_ENTITIES:
        return None
    lengths = [row[3] for row in rows]
    titles = [bridges_title(country.title) for country in countries]
    of = " and ".join(country.title for country in countries)
    return Draft(
        question="What is the total length in metres of the great bridges of "
        f"{of} that were opened from {first} to {last}, both years included?",
        answers=(str(sum(map(int, lengths))),),
        level=level,
        entities=tuple(row[0] for row in rows),
        evidence=tuple(map(line, rows)),
        calls=(
            *(call for title in titles for call in all_parts(book, title)),
            calculate(" + ".join(lengths)),
        ),
    )


def bridges_between(
    book: Encyclopedia, countries: Iterable[Page], first: int, last: int
) -> list[Row]:
    """The rows of bridges opened in these years."""
    return [
        row
        for country in countries
        for row in book.pages[bridges_title(country.title)].rows
        if first <= int(row[2]) <= last
    ]


def _laureates(book: Encyclopedia, dice: Dice, prizes: Sequence[Page]) -> Draft | None:
    """Everybody who had one of the prizes in a random period."""
    first = dice.between(1835, 1960)
    last = dice.between(first + 15, 1999)
    rows = [row for prize in prizes for row in prize.rows if first <= int(row[0]) <= last]
    names = alphabetical(list(dict.fromkeys(row[1] for row in rows)))
    if names is None or not MIN_ENTITIES <= len(names) <= MAX_ENTITIES:
        return None
    which = " or ".join(f"the {prize.title}" for prize in prizes)
    return Draft(
        question=f"Who received {which} from {first} to {last}, both years included? {LISTED}",
        answers=(", ".join(names),),
        level=1 + len(prizes),
        entities=tuple(names),
        evidence=tuple(map(line, rows)),
        calls=tuple(call for prize in prizes for call in all_parts(book, prize.title)),
    )


def sister_prizes(book: Encyclopedia, dice: Dice) -> list[Page]:
    """The prizes for one kind of works, in random order."""
    prizes = [page for page in book.pages.values() if page.what == "prize"]
    columns = dice.pick(prizes).columns
    return dice.shuffled([prize for prize in prizes if prize.columns == columns])


def _works_of_both(book: Encyclopedia, dice: Dice, prizes: Sequence[Page]) -> Draft | None:
    """What those who had the first prize in a random period and the second at any time had them
    for; two works each."""
    one, other = prizes[:2]
    first = dice.between(1835, 1960)
    last = dice.between(first + 15, 1999)
    second = {row[1]: row for row in other.rows}
    pairs = [
        (row, second[row[1]])
        for row in one.rows
        if first <= int(row[0]) <= last and row[1] in second
    ]
    rows = [row for pair in pairs for row in pair]
    works = alphabetical([row[3] for row in rows])
    if works is None or not MIN_ENTITIES <= len(works) <= MAX_ENTITIES:
        return None
    return Draft(
        question=f"Take everybody who received the {one.title} from {first} to {last}, both years "
        f"included, and also, in any year, the {other.title}. For which {_works(one)} did they "
        f"receive these two prizes? {LISTED.replace('names', 'titles')}",
        answers=(", ".join(works),),
        level=3,
        entities=(*(row[1] for row, _ in pairs), *works),
        evidence=tuple(map(line, rows)),
        calls=(*all_parts(book, one.title), *all_parts(book, other.title)),
    )


def _works(prize: Page) -> str:
    return f"{prize.columns[3].lower()}s"
