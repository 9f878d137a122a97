"""Firms, colleges and bridges: what merchants, scholars and engineers leave behind."""

from __future__ import annotations

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.names import Namer
from lean_agent_evals.suites.gaia_like.size import Size
from lean_agent_evals.suites.gaia_like.world import (
    PRESENT,
    Bridge,
    City,
    College,
    Country,
    Firm,
    Person,
)

__all__ = ["BUILDERS", "PUBLISHERS", "TRADES", "make_bridges", "make_colleges", "make_firms"]

PUBLISHERS, BUILDERS = "Press", "Ironworks"
TRADES = {
    PUBLISHERS: "a publisher of books",
    BUILDERS: "a builder of iron bridges",
    "Shipyards": "a builder of ships",
    "Glassworks": "a maker of glass",
    "Mills": "a maker of cloth",
    "Brewery": "a brewer of beer",
    "Railways": "a railway company",
    "Pottery": "a maker of tiles",
    "Instruments": "a maker of clocks",
    "Tannery": "a maker of leather",
}
"""The last word of a firm's name, and what that makes it."""

_FIGURES = 8
"""Years of which a firm's page gives the figures."""


def make_firms(dice: Dice, namer: Namer, people: list[Person], cities: list[City]) -> list[Firm]:
    """One for each merchant, oldest first. Publishers and builders are among the oldest, so that
    whatever is written or built finds one."""
    firms: list[Firm] = []
    trades = list(TRADES)
    for founder in [person for person in people if person.trade == "merchant"]:
        trade = trades[len(firms) % len(trades)]
        year = _founding_year(dice, founder)
        firm = Firm(f"{namer.word()} {trade}", trade, founder, year, dice.pick(cities))
        older = [other for other in firms if other.founded < year]
        if older and dice.chance(30):
            firm.parent = dice.pick(older)
        firm.figures = _figures(dice, year)
        founder.founded = firm
        firms.append(firm)
    return firms


def _founding_year(dice: Dice, founder: Person) -> int:
    return dice.between(founder.born.year + 25, min(founder.born.year + 50, founder.last_year))


def _figures(dice: Dice, founded: int) -> list[tuple[int, int, int]]:
    start = dice.between(max(founded + 1, 1850), PRESENT - _FIGURES)
    revenue, staff = dice.between(400, 9_000), dice.between(30, 1_500)
    figures: list[tuple[int, int, int]] = []
    for year in range(start, start + _FIGURES):
        revenue = revenue * dice.between(85, 125) // 100
        staff = max(20, staff * dice.between(90, 112) // 100)
        figures.append((year, revenue, staff))
    return figures


def make_colleges(
    dice: Dice, namer: Namer, people: list[Person], cities: list[City]
) -> list[College]:
    """One for each scholar."""
    colleges: list[College] = []
    for founder in [person for person in people if person.trade == "scholar"]:
        college = College(
            f"{namer.word()} College", founder, _founding_year(dice, founder), dice.pick(cities)
        )
        founder.founded = college
        colleges.append(college)
    return colleges


def make_bridges(
    dice: Dice,
    namer: Namer,
    size: Size,
    countries: list[Country],
    people: list[Person],
    firms: list[Firm],
) -> list[Bridge]:
    """In each country as many; no two in one country are of the same length."""
    engineers = [person for person in people if person.trade == "engineer"]
    builders = [firm for firm in firms if firm.trade == BUILDERS]
    bridges: list[Bridge] = []
    for country in countries:
        cities = [city for region in country.regions for city in region.cities]
        for length in dice.sample(range(18, 700), size.bridges):
            engineer = dice.pick(engineers)
            year = dice.between(
                max(engineer.born.year + 24, builders[0].founded), engineer.last_year
            )
            bridge = Bridge(
                f"{namer.word()} Bridge",
                engineer,
                dice.pick([firm for firm in builders if firm.founded <= year]),
                dice.pick(cities),
                year,
                length,
            )
            engineer.works.append(bridge)
            bridges.append(bridge)
    return bridges
