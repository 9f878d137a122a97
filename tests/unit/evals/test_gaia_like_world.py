from __future__ import annotations

from datetime import timedelta
from itertools import combinations

import pytest

from lean_agent import ConfigurationError
from lean_agent_evals.suites.gaia_like.making import make_world
from lean_agent_evals.suites.gaia_like.pages import write_pages
from lean_agent_evals.suites.gaia_like.world import College, Firm, World

SMALL = 300
SEEDS = range(4)


@pytest.fixture(scope="module", params=SEEDS)
def world(request: pytest.FixtureRequest) -> World:
    return make_world("test" if request.param % 2 else "dev", request.param, SMALL)


def test_names_are_unambiguous(world: World) -> None:
    """No title is part of another, but for the country in the title of its list."""
    titles = [title for title in write_pages(world) if not title.startswith("List of")]
    assert not [pair for pair in combinations(titles, 2) if pair[0] in pair[1]]
    assert not [pair for pair in combinations(titles, 2) if pair[1] in pair[0]]
    last_words = [title.split()[-1] for title in titles]
    kinds = {"Bridge", "River", "College", "Prize", "Medal", "Laurel"}
    kinds |= {firm.trade for firm in world.firms}
    own = [word for word in last_words if word not in kinds]
    assert len(set(own)) == len(own)


def test_what_pages_name_has_a_page(world: World) -> None:
    pages = write_pages(world)
    for page in pages.values():
        named = [fact.value for fact in page.facts if fact.value and fact.value[0].isalpha()]
        named = [name for name in named if not name.startswith(("a ", "an "))]
        assert [name for name in named if name not in pages] == []
        cells = [cell for row in page.rows for cell in row if cell[0].isalpha()]
        assert [cell for cell in cells if cell not in pages] == []
        assert {len(row) for row in page.rows} <= {len(page.columns)}


def test_people_live_before_they_work_and_founders_when_they_found(world: World) -> None:
    for person in world.people:
        assert person.born.year > person.birthplace.founded
        end = person.died.year if person.died else 2000
        assert 40 <= end - person.born.year <= 100
        for work in person.works:
            assert person.born.year + 20 < work.year <= end
        assert len({work.year for work in person.works}) == len(person.works) or (
            person.trade == "engineer"
        )
        if person.teacher:
            assert person.teacher.trade == person.trade
            assert person.teacher.born + timedelta(days=14 * 365) < person.born
            assert person.teacher.last_year >= person.born.year + 20
        if person.college:
            assert person.college.founded <= person.born.year + 18
        if person.employer:
            assert person.employer.founded <= person.born.year + 30
            assert person.founded is None
        if person.founded:
            assert person.founded.founder is person
            assert person.born.year + 25 <= person.founded.founded <= end


def test_firms_are_older_than_what_they_own_build_and_print(world: World) -> None:
    for firm in world.firms:
        assert firm.seat.founded < firm.founded
        assert firm.parent is None or firm.parent.founded < firm.founded
        years = [year for year, _, _ in firm.figures]
        assert years == list(range(years[0], years[0] + 8))
        assert firm.founded < years[0]
        assert years[-1] < 2000
    for bridge in world.bridges:
        assert bridge.builder.founded <= bridge.year
        assert bridge.builder.name.endswith(" Ironworks")
    for work in world.works:
        assert work.publisher is None or work.publisher.founded <= work.year
        assert work.bridge is None or work.bridge.year < work.year
        assert work.person is None or work.person.born.year + 15 <= work.year
        assert work.person is not work.by


def test_prizes_go_to_the_living_for_works_that_are_there(world: World) -> None:
    honoured: list[str] = []
    for prize in world.prizes:
        years = [award.year for award in prize.awards]
        assert years == sorted(set(years))
        assert prize.sponsor.founded < years[0]
        laureates = [award.laureate.name for award in prize.awards]
        assert len(set(laureates)) == len(laureates)
        for award in prize.awards:
            assert award.work.kind == prize.kind
            assert award.work.year <= award.year
            assert award.laureate.died is None or award.laureate.died.year > award.year
        honoured += [award.work.title for award in prize.awards]
    assert len(set(honoured)) == len(honoured)


def test_places_fit_together(world: World) -> None:
    for country in world.countries:
        assert country.capital.region.country is country
        lengths = [b.length for b in world.bridges if b.city.region.country is country]
        assert len(set(lengths)) == len(lengths)
    for region in world.regions:
        assert region.capital in region.cities
        people = sum(city.population for city in region.cities)
        assert 15 <= people / region.area < 162 or region.area == 200
    for city in world.cities:
        assert 2_000 <= city.population < 520_000
        assert city in city.river.cities
        assert city.twin is None or (city.twin.twin is city and city.twin is not city)
        if statue := city.statue_of:
            assert statue.died
            assert statue.birthplace is not city


def test_a_world_has_as_many_pages_as_asked_for() -> None:
    assert len(write_pages(make_world("dev", 0, 2_000))) == 2_000
    assert SMALL <= len(write_pages(make_world("dev", 0, SMALL))) < SMALL * 1.1


def test_too_few_pages_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="too small") as error:
        make_world("dev", 0, 200)
    assert "300" in error.value.hint


def test_merchants_found_firms_and_scholars_colleges(world: World) -> None:
    kinds = {(person.trade, type(person.founded)) for person in world.people if person.founded}
    assert kinds == {("merchant", Firm), ("scholar", College)}
    assert len(world.firms) == sum(person.trade == "merchant" for person in world.people)
