"""Novels, paintings and operas, and the prizes for them."""

from __future__ import annotations

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.industry import PUBLISHERS
from lean_agent_evals.suites.gaia_like.names import Namer
from lean_agent_evals.suites.gaia_like.people import MAKERS
from lean_agent_evals.suites.gaia_like.size import Size
from lean_agent_evals.suites.gaia_like.world import (
    PRESENT,
    Award,
    Bridge,
    City,
    Firm,
    Person,
    Prize,
    Work,
    WorkKind,
)

__all__ = ["make_prizes", "make_works"]

# fmt: off
_THINGS = (
    "Lantern", "Orchard", "Winter", "Ferryman", "Mirror", "Clockmaker", "Silence", "Harbour",
    "Garden", "Letters", "Tower", "Heirs", "Shadow", "Weavers", "Salt", "Daughters",
)
_SIGHTS = (
    "Morning", "Evening", "Harvest", "Market Day", "Snow", "Fishermen", "A Wedding", "Flood",
    "Haymakers", "The Fair", "Low Tide", "Skaters", "Storm", "Washing Day",
)
_HONOURS = ("Prize", "Medal", "Laurel")
# fmt: on
_FIRST_AWARD = 1835
_WORKS_FOR_YEARLY_AWARDS = 600
_WORK_STAYS_NEW = 30
"""Years for which a work may still get a prize."""


def make_works(
    dice: Dice,
    namer: Namer,
    size: Size,
    people: list[Person],
    firms: list[Firm],
    cities: list[City],
    bridges: list[Bridge],
) -> list[Work]:
    """Nobody makes two works in one year, nor any before the age of 20."""
    works: list[Work] = []
    for kind in size.kinds:
        makers = [person for person in people if person.trade == MAKERS[kind]]
        for number in range(size.works):
            # Everyone makes one work at least; the rest fall as they may.
            maker = makers[number] if number < len(makers) else dice.pick(makers)
            taken = [work.year for work in maker.works]
            years = range(maker.born.year + 21, maker.last_year + 1)
            year = dice.pick([year for year in years if year not in taken])
            work = Work(kind, _title(dice, namer, kind), maker, year, dice.pick(cities))
            _relate(dice, work, people, firms, bridges)
            maker.works.append(work)
            works.append(work)
    return works


def _title(dice: Dice, namer: Namer, kind: WorkKind) -> str:
    word = namer.word()
    if kind == "novel":
        return f"The {dice.pick(_THINGS)} of {word}"
    if kind == "painting":
        return f"{dice.pick(_SIGHTS)} at {word}"
    return word


def _relate(
    dice: Dice, work: Work, people: list[Person], firms: list[Firm], bridges: list[Bridge]
) -> None:
    year = work.year
    if work.kind == "novel":
        there = [firm for firm in firms if firm.trade == PUBLISHERS and firm.founded <= year]
        work.publisher = dice.pick(there) if there else None
        if dice.chance(60):
            grown = [other for other in people if other.born.year + 15 <= year]
            work.person = dice.pick([other for other in grown if other is not work.by])
    elif work.kind == "painting":
        standing = [bridge for bridge in bridges if bridge.year < year]
        if standing and dice.chance(60):
            work.bridge = dice.pick(standing)
    else:
        writers = [
            other
            for other in people
            if other.trade == "novelist" and other.born.year + 20 <= year <= other.last_year
        ]
        work.person = dice.pick(writers) if writers and dice.chance(80) else None


def make_prizes(
    dice: Dice, namer: Namer, size: Size, works: list[Work], firms: list[Firm], cities: list[City]
) -> list[Prize]:
    """A work gets one prize at most. Laureates are alive, and their works not too old."""
    prizes: list[Prize] = []
    for kind in size.kinds:
        of_kind = [work for work in works if work.kind == kind]
        gap = max(1, _WORKS_FOR_YEARLY_AWARDS // len(of_kind))
        for honour in _HONOURS[: size.prizes]:
            first = _FIRST_AWARD + dice.below(10)
            sponsor = dice.pick([firm for firm in firms if firm.founded < first])
            prize = Prize(f"{namer.word()} {honour}", kind, sponsor, dice.pick(cities))
            year = first
            while year < PRESENT - 1 and len(prize.awards) < size.awards:
                if new := _eligible(of_kind, prizes, prize, year):
                    prize.awards.append(Award(year, dice.pick(new)))
                year += dice.between(gap, gap + 2)
            prizes.append(prize)
    return prizes


def _eligible(works: list[Work], prizes: list[Prize], prize: Prize, year: int) -> list[Work]:
    taken = [award.work for other in (*prizes, prize) for award in other.awards]
    laureates = [award.laureate for award in prize.awards]
    return [
        work
        for work in works
        if year - _WORK_STAYS_NEW <= work.year <= year
        and (work.by.died is None or work.by.died.year > year)
        and work.by not in laureates
        and work not in taken
    ]
