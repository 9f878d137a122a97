"""Countries, their regions, rivers and towns."""

from __future__ import annotations

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.names import Namer
from lean_agent_evals.suites.gaia_like.size import Size
from lean_agent_evals.suites.gaia_like.world import City, Country, Region, River

__all__ = ["make_countries", "make_rivers"]

_TOWN_SIZES = (2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000)
_FOUNDED = (900, 1700)
"""Before anything else in the encyclopedia happens."""


def make_rivers(dice: Dice, namer: Namer, size: Size) -> list[River]:
    """Without towns yet."""
    return [River(f"{word} River", dice.between(40, 1_900)) for word in namer.words(size.rivers)]


def make_countries(dice: Dice, namer: Namer, size: Size, rivers: list[River]) -> list[Country]:
    """With their regions and towns; every river gets towns."""
    countries = [Country(word) for word in namer.words(size.countries)]
    regions = [
        Region(namer.word(), country, area=0) for country in countries for _ in range(size.regions)
    ]
    for number in range(size.cities):
        # One after the other, so that no region is without towns.
        region = regions[number % len(regions)]
        _add_city(dice, namer.word(), region, rivers[number % len(rivers)])
    for region in regions:
        people = sum(city.population for city in region.cities)
        region.area = max(200, people // dice.between(15, 160))
        region.capital = dice.pick(region.cities)
        region.country.regions.append(region)
    for country in countries:
        country.capital = dice.pick([city for region in country.regions for city in region.cities])
    _twin(dice, [city for region in regions for city in region.cities])
    return countries


def _add_city(dice: Dice, name: str, region: Region, river: River) -> None:
    base = dice.pick(_TOWN_SIZES)
    city = City(name, region, river, dice.between(*_FOUNDED), base + dice.below(base))
    region.cities.append(city)
    river.cities.append(city)


def _twin(dice: Dice, cities: list[City]) -> None:
    """Two towns in three get a twin, in another region."""
    mixed = dice.sample(cities, len(cities) * 2 // 3)
    for one, other in zip(mixed[::2], mixed[1::2], strict=False):
        if one.region is not other.region:
            one.twin, other.twin = other, one
