"""From a seed to a world."""

from __future__ import annotations

from lean_agent_evals.suites.gaia_like.arts import make_prizes, make_works
from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.geography import make_countries, make_rivers
from lean_agent_evals.suites.gaia_like.industry import make_bridges, make_colleges, make_firms
from lean_agent_evals.suites.gaia_like.names import Namer
from lean_agent_evals.suites.gaia_like.people import educate, make_people
from lean_agent_evals.suites.gaia_like.size import Size
from lean_agent_evals.suites.gaia_like.world import City, Country, Person, World
from lean_agent_evals.task import Split

__all__ = ["make_world"]

_SPARE_WORDS = 240


def make_world(split: Split, seed: int, pages: int) -> World:
    """The same world in every process, for the same split, seed and number of pages.

    Raises:
        ConfigurationError: too few pages.
    """
    size = Size(pages)
    dice = Dice("gaia-like", split, seed, pages)
    namer = Namer(dice, split)
    rivers = make_rivers(dice, namer, size)
    countries = make_countries(dice, namer, size, rivers)
    cities = [city for country in countries for region in country.regions for city in region.cities]
    people = make_people(dice, namer, size, cities)
    firms = make_firms(dice, namer, people, cities)
    colleges = make_colleges(dice, namer, people, cities)
    educate(dice, people, firms, colleges)
    bridges = make_bridges(dice, namer, size, countries, people, firms)
    works = make_works(dice, namer, size, people, firms, cities, bridges)
    prizes = make_prizes(dice, namer, size, works, firms, cities)
    _honour(dice, countries, cities, people)
    return World(
        countries=countries,
        rivers=rivers,
        people=people,
        firms=firms,
        colleges=colleges,
        bridges=bridges,
        works=works,
        prizes=prizes,
        spare_words=namer.words(_SPARE_WORDS),
    )


def _honour(dice: Dice, countries: list[Country], cities: list[City], people: list[Person]) -> None:
    """Anthems are by novelists; statues are of the dead, away from where they were born."""
    novelists = [person for person in people if person.trade == "novelist"]
    for country in countries:
        country.anthem_by = dice.pick(novelists)
    dead = [person for person in people if person.died]
    for city in cities:
        if dice.chance(60):
            city.statue_of = dice.pick([person for person in dead if person.birthplace is not city])
