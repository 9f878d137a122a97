"""People, and what they owe to each other."""

from __future__ import annotations

from datetime import date, timedelta

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.names import Namer
from lean_agent_evals.suites.gaia_like.size import Size
from lean_agent_evals.suites.gaia_like.world import PRESENT, City, College, Firm, Person, WorkKind

__all__ = ["MAKERS", "educate", "make_people"]

MAKERS: dict[WorkKind, str] = {"novel": "novelist", "painting": "painter", "opera": "composer"}
"""The trade of those who make works of a kind."""

_GIVEN_NAMES = 70
_BORN = {"merchant": (1735, 1945), "scholar": (1700, 1880)}
_BORN_OTHERWISE = (1775, 1950)
_AGE = (40, 95)
"""At death. Nobody dies younger, so that whatever needs a grown man or woman has one."""


def make_people(dice: Dice, namer: Namer, size: Size, cities: list[City]) -> list[Person]:
    """Merchants and scholars are as many as firms and colleges: each will found one. Births are
    spread evenly over a trade's time, in order."""
    trades = {"merchant": size.firms, "scholar": size.colleges, "engineer": size.engineers}
    trades |= {MAKERS[kind]: size.makers for kind in size.kinds}
    given = namer.words(_GIVEN_NAMES)
    people: list[Person] = []
    for trade, count in trades.items():
        first, last = _BORN.get(trade, _BORN_OTHERWISE)
        for number in range(count):
            year = first + number * (last - first) // count
            name = f"{dice.pick(given)} {namer.word()}"
            people.append(_person(dice, name, trade, year, dice.pick(cities)))
    return people


def _person(dice: Dice, name: str, trade: str, year: int, birthplace: City) -> Person:
    born = date(year, 1, 1) + timedelta(days=dice.below(365))
    died = date(year + 1 + dice.between(*_AGE), 1, 1) + timedelta(days=dice.below(365))
    return Person(name, trade, born, died if died.year < PRESENT else None, birthplace)


def educate(dice: Dice, people: list[Person], firms: list[Firm], colleges: list[College]) -> None:
    """Give people teachers of their own trade, colleges and employers, all of their time."""
    for person in people:
        year = person.born.year
        teachers = [
            other
            for other in people
            if other.trade == person.trade
            and 15 <= year - other.born.year <= 45
            and other.last_year >= year + 20
        ]
        if teachers and dice.chance(70):
            person.teacher = dice.pick(teachers)
        there = [college for college in colleges if college.founded <= year + 18]
        if there and dice.chance(60):
            person.college = dice.pick(there)
        employers = [firm for firm in firms if firm.founded <= year + 30]
        if employers and person.founded is None and dice.chance(60):
            person.employer = dice.pick(employers)
