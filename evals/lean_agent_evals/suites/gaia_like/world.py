"""What there is in an invented world."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

__all__ = [
    "PRESENT",
    "Award",
    "Bridge",
    "City",
    "College",
    "Country",
    "Firm",
    "Person",
    "Prize",
    "Region",
    "River",
    "Work",
    "WorkKind",
    "World",
]

PRESENT = 2000
"""The year in which the encyclopedia was written."""

WorkKind = Literal["novel", "painting", "opera"]


@dataclass(eq=False, slots=True)
class Country:
    """``area`` of its regions adds up to its own."""

    name: str
    regions: list[Region] = field(default_factory=list["Region"])
    capital: City = field(init=False)
    anthem_by: Person = field(init=False)

    @property
    def area(self) -> int:
        return sum(region.area for region in self.regions)


@dataclass(eq=False, slots=True)
class Region:
    """``area`` is in square kilometres."""

    name: str
    country: Country
    area: int
    cities: list[City] = field(default_factory=list["City"])
    capital: City = field(init=False)


@dataclass(eq=False, slots=True)
class River:
    """``length`` is in kilometres. Towns are in the order of its course."""

    name: str
    length: int
    cities: list[City] = field(default_factory=list["City"])


@dataclass(eq=False, slots=True)
class City:
    """``statue_of`` is somebody dead, born elsewhere."""

    name: str
    region: Region
    river: River
    founded: int
    population: int
    twin: City | None = None
    statue_of: Person | None = None


@dataclass(eq=False, slots=True)
class Person:
    """``died`` is None for the living. ``founded`` is a firm or college."""

    name: str
    trade: str
    born: date
    died: date | None
    birthplace: City
    teacher: Person | None = None
    college: College | None = None
    employer: Firm | None = None
    founded: Firm | College | None = None
    works: list[Work | Bridge] = field(default_factory=list["Work | Bridge"])

    @property
    def last_year(self) -> int:
        """The last year in which something could be done, at the age of 75 at most."""
        return min(self.born.year + 75, self.died.year if self.died else PRESENT - 1)


@dataclass(eq=False, slots=True)
class Firm:
    """``figures`` are (year, revenue in thousand crowns, employees)."""

    name: str
    trade: str
    founder: Person
    founded: int
    seat: City
    parent: Firm | None = None
    figures: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])


@dataclass(eq=False, slots=True)
class College:
    """``seat`` is the town it stands in."""

    name: str
    founder: Person
    founded: int
    seat: City


@dataclass(eq=False, slots=True)
class Work:
    """``city`` is where a novel is set, a painting hangs or an opera was first given; ``person``
    whom a novel is dedicated to or who wrote an opera's words; ``bridge`` what a painting shows.
    """

    kind: WorkKind
    title: str
    by: Person
    year: int
    city: City
    publisher: Firm | None = None
    person: Person | None = None
    bridge: Bridge | None = None


@dataclass(eq=False, slots=True)
class Bridge:
    """``length`` is in metres."""

    name: str
    by: Person
    builder: Firm
    city: City
    year: int
    length: int


@dataclass(eq=False, slots=True)
class Award:
    """One row in a prize's table."""

    year: int
    work: Work

    @property
    def laureate(self) -> Person:
        return self.work.by


@dataclass(eq=False, slots=True)
class Prize:
    """For works of one kind. Nobody has had the same prize twice, and no two in one year."""

    name: str
    kind: WorkKind
    sponsor: Firm
    city: City
    awards: list[Award] = field(default_factory=list[Award])


@dataclass(eq=False, slots=True)
class World:
    """``spare_words`` are names of nothing in it, for files that stand beside it."""

    countries: list[Country]
    rivers: list[River]
    people: list[Person]
    firms: list[Firm]
    colleges: list[College]
    bridges: list[Bridge]
    works: list[Work]
    prizes: list[Prize]
    spare_words: list[str]

    @property
    def regions(self) -> list[Region]:
        return [region for country in self.countries for region in country.regions]

    @property
    def cities(self) -> list[City]:
        return [city for region in self.regions for city in region.cities]
