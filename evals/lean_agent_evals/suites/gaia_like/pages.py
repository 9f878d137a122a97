"""What the encyclopedia says of a world: a page for each thing in it, made of facts and a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from lean_agent_evals.suites.gaia_like.industry import TRADES
from lean_agent_evals.suites.gaia_like.world import (
    Bridge,
    City,
    College,
    Country,
    Firm,
    Person,
    Prize,
    Region,
    River,
    Work,
    World,
)

__all__ = ["Fact", "Page", "Row", "bridges_title", "line", "write_pages"]


# Those of the standard library speak the language of the process.
# fmt: off
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)
# fmt: on

Row = tuple[str, ...]


def line(cells: Row) -> str:
    """A row, or the heads of the columns, as a page shows it."""
    return " | ".join(cells)


@dataclass(frozen=True, slots=True)
class Fact:
    """``value`` is another page's title, a number, or a date as YYYY-MM-DD. ``sentence`` is where
    the page says so; one sentence may hold several facts. ``relation`` is empty where nobody asks.
    """

    relation: str
    value: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Page:
    """``what`` is the kind of thing in one word. ``columns`` and ``rows`` are its table."""

    title: str
    what: str
    facts: tuple[Fact, ...]
    columns: Row = ()
    rows: tuple[Row, ...] = ()

    @property
    def text(self) -> str:
        """Every sentence once."""
        return " ".join(dict.fromkeys(fact.sentence for fact in self.facts))

    def has(self, relation: str) -> bool:
        """Whether the page says anything of the kind."""
        return any(fact.relation == relation for fact in self.facts)

    def fact(self, relation: str) -> Fact:
        """What the page says of the kind; it must say something."""
        return next(fact for fact in self.facts if fact.relation == relation)


def write_pages(world: World) -> dict[str, Page]:
    """By title. Whatever a page names has a page of that title."""
    pages = [
        *(page for country in world.countries for page in _country(country, world.bridges)),
        *map(_region, world.regions),
        *map(_river, world.rivers),
        *map(_city, world.cities),
        *map(_person, world.people),
        *map(_firm, world.firms),
        *map(_college, world.colleges),
        *map(_bridge, world.bridges),
        *map(_work, world.works),
        *map(_prize, world.prizes),
    ]
    return {page.title: page for page in pages}


def bridges_title(country: str) -> str:
    """The page that lists a country's bridges."""
    return f"List of bridges in {country}"


def _country(country: Country, bridges: list[Bridge]) -> Iterator[Page]:
    regions = [(r.name, r.capital.name, f"{r.area:,}") for r in country.regions]
    listed = bridges_title(country.name)
    facts = (
        Fact(
            "capital",
            country.capital.name,
            f"The capital of {country.name} is {country.capital.name}.",
        ),
        Fact(
            "anthem",
            country.anthem_by.name,
            f"The words of its anthem were written by {country.anthem_by.name}.",
        ),
        Fact("", listed, f"See also: {listed}."),
    )
    yield Page(country.name, "country", facts, ("Region", "Capital", "Area (km2)"), tuple(regions))
    there = [bridge for bridge in bridges if bridge.city.region.country is country]
    rows = [(b.name, b.city.name, str(b.year), str(b.length), b.by.name) for b in there]
    columns = ("Bridge", "Town", "Opened", "Length (m)", "Engineer")
    about = Fact("", country.name, f"The {len(rows)} great bridges of {country.name}.")
    yield Page(listed, "list", (about,), columns, tuple(rows))


def _region(region: Region) -> Page:
    home = f"{region.name} is a region of {region.country.name}."
    capital = f"Its capital is {region.capital.name}."
    area = f"Its area is {region.area:,} square kilometres."
    rows = [(city.name, f"{city.population:,}", str(city.founded)) for city in region.cities]
    facts = (
        Fact("country", region.country.name, home),
        Fact("capital", region.capital.name, capital),
        Fact("area", str(region.area), area),
    )
    return Page(region.name, "region", facts, ("Town", "Population", "Founded"), tuple(rows))


def _river(river: River) -> Page:
    *others, mouth = [city.name for city in river.cities]
    passes = f"On its way it passes {', '.join(others)}." if others else ""
    facts = (
        Fact("length", str(river.length), f"The {river.name} is {river.length:,} km long."),
        *(Fact("", name, passes) for name in others),
        Fact("mouth", mouth, f"It reaches the sea at {mouth}."),
    )
    return Page(river.name, "river", facts)


def _city(city: City) -> Page:
    place = f"{city.name} is a town in the region of {city.region.name} on the {city.river.name}."
    size = f"It was founded in {city.founded} and has {city.population:,} inhabitants."
    facts = [
        Fact("region", city.region.name, place),
        Fact("river", city.river.name, place),
        Fact("founded", str(city.founded), size),
        Fact("population", str(city.population), size),
    ]
    if city.twin:
        facts.append(Fact("twin", city.twin.name, f"Its twin town is {city.twin.name}."))
    if city.statue_of:
        name = city.statue_of.name
        facts.append(Fact("statue", name, f"A statue of {name} stands in its market square."))
    return Page(city.name, "town", tuple(facts))


def _person(person: Person) -> Page:
    name = person.name.split()[-1]
    was = "was" if person.died else "is"
    an = "an" if person.trade[0] in "aeiou" else "a"
    born = (
        f"{person.name} {was} {an} {person.trade}, born on {_written(person.born)} "
        f"in {person.birthplace.name}."
    )
    facts = [
        Fact("birthplace", person.birthplace.name, born),
        Fact("born", person.born.isoformat(), born),
        Fact("birth year", str(person.born.year), born),
    ]
    if person.teacher:
        taught = f"{name} was taught by {person.teacher.name}."
        facts.append(Fact("teacher", person.teacher.name, taught))
    if person.college:
        studied = f"{name} studied at {person.college.name}."
        facts.append(Fact("college", person.college.name, studied))
    if person.employer:
        worked = f"For some years {name} worked for {person.employer.name}."
        facts.append(Fact("employer", person.employer.name, worked))
    if person.founded:
        founded = f"{name} founded {person.founded.name}."
        facts.append(Fact("creation", person.founded.name, founded))
    if person.works:
        listed = "; ".join(
            f"{work.title if isinstance(work, Work) else work.name} ({work.year})"
            for work in sorted(person.works, key=lambda work: work.year)
        )
        facts.append(Fact("", "", f"Works: {listed}."))
    if person.died:
        died = f"{name} died on {_written(person.died)}."
        facts.append(Fact("died", person.died.isoformat(), died))
        facts.append(Fact("death year", str(person.died.year), died))
    return Page(person.name, person.trade, tuple(facts))


def _firm(firm: Firm) -> Page:
    made = f"{firm.name} is {TRADES[firm.trade]}, founded in {firm.founded} by {firm.founder.name}."
    facts = [
        Fact("trade", TRADES[firm.trade], made),
        Fact("founded", str(firm.founded), made),
        Fact("founder", firm.founder.name, made),
        Fact("seat", firm.seat.name, f"Its seat is in {firm.seat.name}."),
    ]
    if firm.parent:
        facts.append(Fact("parent", firm.parent.name, f"It belongs to {firm.parent.name}."))
    rows = [(str(year), f"{revenue:,}", f"{staff:,}") for year, revenue, staff in firm.figures]
    columns = ("Year", "Revenue (thousand crowns)", "Employees")
    return Page(firm.name, "firm", tuple(facts), columns, tuple(rows))


def _college(college: College) -> Page:
    made = f"{college.name} was founded in {college.founded} by {college.founder.name}."
    facts = (
        Fact("founded", str(college.founded), made),
        Fact("founder", college.founder.name, made),
        Fact("seat", college.seat.name, f"It stands in {college.seat.name}."),
    )
    return Page(college.name, "college", facts)


def _bridge(bridge: Bridge) -> Page:
    crosses = f"{bridge.name} crosses the {bridge.city.river.name} in {bridge.city.name}."
    size = f"Opened in {bridge.year}, it is {bridge.length} metres long."
    made = f"It was designed by {bridge.by.name} and built by {bridge.builder.name}."
    facts = (
        Fact("site", bridge.city.name, crosses),
        Fact("opened", str(bridge.year), size),
        Fact("length", str(bridge.length), size),
        Fact("engineer", bridge.by.name, made),
        Fact("builder", bridge.builder.name, made),
    )
    return Page(bridge.name, "bridge", facts)


def _work(work: Work) -> Page:
    """A novel, a painting or an opera."""
    maker, town = work.by.name, work.city.name
    if work.kind == "novel":
        by = f"{work.title} is a novel by {maker}, published in {work.year}."
        relations, place = ("author", "published"), ("setting", f"It is set in {town}.")
    elif work.kind == "painting":
        by = f"{work.title} is a painting by {maker}, finished in {work.year}."
        relations, place = (
            ("painter", "finished"),
            ("home", f"It hangs in the town hall of {town}."),
        )
    else:
        by = f"{work.title} is an opera by {maker}, first given in {work.year}."
        relations, place = ("composer", "premiered"), ("premiere", f"It was first given in {town}.")
    facts = [
        Fact(relations[0], maker, by),
        Fact(relations[1], str(work.year), by),
        Fact(place[0], town, place[1]),
    ]
    if work.publisher:
        firm = work.publisher.name
        facts.append(Fact("publisher", firm, f"It was published by {firm}."))
    if work.person:
        name = work.person.name
        dedicated = ("dedicatee", f"It is dedicated to {name}.")
        relation, said = (
            dedicated if work.kind == "novel" else ("words", f"Its words are by {name}.")
        )
        facts.append(Fact(relation, name, said))
    if work.bridge:
        facts.append(Fact("shown", work.bridge.name, f"It shows {work.bridge.name}."))
    return Page(work.title, work.kind, tuple(facts))


def _prize(prize: Prize) -> Page:
    rows = [
        (str(a.year), a.laureate.name, a.laureate.birthplace.region.country.name, a.work.title)
        for a in prize.awards
    ]
    columns = ("Year", "Laureate", "Born in", prize.kind.capitalize())
    sponsor, town = prize.sponsor.name, prize.city.name
    facts = (
        Fact("sponsor", sponsor, f"{prize.name} is given for {prize.kind}s and paid by {sponsor}."),
        Fact("ceremony", town, f"It is handed over in {town}."),
    )
    return Page(prize.name, "prize", facts, columns, tuple(rows))


def _written(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
