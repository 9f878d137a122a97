"""Answers over tables, found again from the questions and the pages alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date

import pytest

from lean_agent_evals.suites.gaia_like import GaiaLike
from lean_agent_evals.suites.gaia_like.contents import contents
from lean_agent_evals.suites.gaia_like.encyclopedia import Encyclopedia
from lean_agent_evals.task import Split

SMALL = 300
PERIOD = r"from (\d{4}) to (\d{4})"
PRIZE = r"the (\w+ (?:Prize|Medal|Laurel))"


class Reader:
    """Somebody who reads pages as they are shown, and knows nothing else."""

    def __init__(self, book: Encyclopedia) -> None:
        self._book = book

    def text(self, title: str) -> str:
        parts = range(1, len(self._book.parts(title)) + 1)
        return "\n".join(self._book.open_page(title, part) for part in parts)

    def rows(self, title: str) -> list[list[str]]:
        lines = [line.split(" | ") for line in self.text(title).splitlines() if " | " in line]
        return [line for line in lines if line != lines[0]]

    def length(self, countries: Sequence[str], first: str, last: str) -> int:
        rows = [row for country in countries for row in self.rows(f"List of bridges in {country}")]
        return sum(int(row[3]) for row in rows if first <= row[2] <= last)

    def fitting(self, names: Sequence[str], decade: str, trade: str) -> list[str]:
        """Those born in the decade who worked for a firm of the trade."""
        found: list[str] = []
        for name in dict.fromkeys(names):
            text = self.text(name)
            employer = re.search(r"worked for ([\w ]+)\.", text)
            born_then = f" {decade}" in text.split(" in ")[0]
            if born_then and employer and f" is {trade}, " in self.text(employer[1]):
                found.append(name)
        return found

    def native_country(self, name: str) -> str:
        town = re.search(r"born on .* in (\w+)\.", self.text(name))
        region = re.search(r"region of (\w+)", self.text(town[1] if town else ""))
        country = re.search(r"a region of (\w+)\.", self.text(region[1] if region else ""))
        return country[1] if country else ""


def answered(reader: Reader, question: str) -> str | None:
    if found := re.match(
        rf"What is the total length .* bridges of ([\w ]+) that .*{PERIOD}", question
    ):
        return str(reader.length(found[1].split(" and "), found[2], found[3]))
    if found := re.match(rf"Who received (.*) {PERIOD}", question):
        rows = [row for prize in re.findall(PRIZE, found[1]) for row in reader.rows(prize)]
        return listed(row[1] for row in rows if found[2] <= row[0] <= found[3])
    if found := re.match(
        rf"Take everybody who received {PRIZE} {PERIOD}.*also.*{PRIZE}\.", question
    ):
        one = [row for row in reader.rows(found[1]) if found[2] <= row[0] <= found[3]]
        other = reader.rows(found[4])
        both = {row[1] for row in one} & {row[1] for row in other}
        return listed(row[3] for row in (*one, *other) if row[1] in both)
    if found := re.match(
        rf"One of those who received {PRIZE} was born in the (\d{{3}})0s and once worked for "
        r"([\w ]+)\. Which people .* received (.*)\? List",
        question,
    ):
        rows = reader.rows(found[1])
        (anchor,) = reader.fitting([row[1] for row in rows], found[2], found[3])
        country = next(row[2] for row in rows if row[1] == anchor)
        assert country == reader.native_country(anchor)
        others = [row for prize in re.findall(PRIZE, found[4]) for row in reader.rows(prize)]
        return listed(row[1] for row in others if row[2] == country)
    if found := re.match(
        r"One of those who designed the great bridges of (\w+) was born in the (\d{3})0s and once "
        rf"worked for ([\w ]+)\. What .*{PERIOD}",
        question,
    ):
        designers = [row[4] for row in reader.rows(f"List of bridges in {found[1]}")]
        (anchor,) = reader.fitting(designers, found[2], found[3])
        return str(reader.length([found[1], reader.native_country(anchor)], found[4], found[5]))
    return None


def listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize("kind", ["basic", "union", "reverse-union"])
def test_a_reader_who_searches_every_table_comes_to_the_same_answer(
    split: Split, kind: str
) -> None:
    tasks = [task for task in GaiaLike(pages=SMALL).tasks(split, seed=2) if task.kind == kind]
    reader = Reader(contents(split, 2, SMALL).book)
    assert len(tasks) == 20
    for task in tasks:
        assert answered(reader, task.question) == task.answers[0], task.question


def test_dates_are_counted_right() -> None:
    months = ["January", "February", "March", "April", "May", "June", "July", "August"]
    months += ["September", "October", "November", "December"]
    seen = 0
    for task in GaiaLike(pages=SMALL).tasks("dev", seed=2):
        if task.kind != "dates-deep":
            continue
        births = [
            date(int(year), months.index(month) + 1, int(day))
            for said in dict.fromkeys(task.data["evidence"])
            for day, month, year in re.findall(r"born on (\d+) (\w+) (\d+)", said)
        ]
        assert str(abs((births[0] - births[1]).days)) == task.answers[0]
        seen += 1
    assert seen == 10
