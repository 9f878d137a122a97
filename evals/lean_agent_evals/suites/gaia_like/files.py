"""Questions on files: a firm's consignments, its staff, or an auction, in any of six formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from lean_agent_evals.suites.gaia_like.dice import Dice
from lean_agent_evals.suites.gaia_like.documents import FORMATS, Cell, File, Sheet
from lean_agent_evals.suites.gaia_like.draft import Call, Draft, calculate, open_page
from lean_agent_evals.suites.gaia_like.encyclopedia import Encyclopedia
from lean_agent_evals.suites.gaia_like.pages import Page

__all__ = ["file_hop_questions", "file_questions"]

_ROWS = 24
"""So few that the product's read_file shows a file of any format at once."""

_GOODS = ("lamps", "clocks", "kettles", "mirrors", "saddles", "stoves")
_DEPARTMENTS = ("Accounts", "Dispatch", "Drawing", "Foundry", "Stores", "Workshop")


def file_questions(
    book: Encyclopedia, words: Sequence[str], dice: Dice, file_format: str
) -> Iterator[Draft]:
    """On a file alone. ``words`` are names for those in it."""
    firms = [page for page in book.pages.values() if page.what == "firm"]
    while True:
        maker = dice.pick((_consignments, _staff))
        yield maker(dice.pick(firms), words, dice, file_format)


def _consignments(firm: Page, words: Sequence[str], dice: Dice, file_format: str) -> Draft:
    """What one buyer had for."""
    day = date(dice.between(1850, 1990), 1, 1)
    buyers = dice.sample(words, 4)
    rows: list[tuple[Cell, ...]] = []
    for _ in range(_ROWS):
        day += timedelta(days=dice.between(1, 14))
        goods, price = dice.pick(_GOODS), dice.between(3, 90)
        rows.append((str(day), dice.pick(buyers), dice.between(2, 60), goods, price))
    sheet = Sheet(
        "Consignments",
        ("Date", "Buyer", "Quantity", "Goods", "Price each"),
        tuple(rows),
        "On {0} {1} had {2} {3} at {4} crowns each.",
    )
    buyer = rows[0][1]
    chosen = [row for row in rows if row[1] == buyer]
    files = _files(firm, "consignments", (sheet,), file_format)
    return Draft(
        question=f"{_attached(files)} How many crowns did {buyer} have to pay in all for the goods "
        f"that {firm.title} consigned?",
        answers=(str(sum(int(row[2]) * int(row[4]) for row in chosen)),),
        level=1,
        entities=(str(buyer),),
        evidence=_shown(files, chosen),
        calls=(
            *_reading(files),
            calculate(" + ".join(f"{row[2]} * {row[4]}" for row in chosen)),
        ),
        files=files,
    )


def _staff(firm: Page, words: Sequence[str], dice: Dice, file_format: str) -> Draft:
    """The wages under one head, who is in the other table."""
    names = dice.sample(words, _ROWS + len(_DEPARTMENTS))
    heads, staff = names[: len(_DEPARTMENTS)], names[len(_DEPARTMENTS) :]
    wages = Sheet(
        "Wages",
        ("Name", "Department", "Wage"),
        tuple((name, dice.pick(_DEPARTMENTS), dice.between(210, 990)) for name in staff),
        "{0} of {1} earns {2} crowns.",
    )
    led = Sheet(
        "Heads",
        ("Department", "Floor", "Head"),
        tuple(
            (department, dice.between(1, 5), head)
            for department, head in zip(_DEPARTMENTS, heads, strict=True)
        ),
        "{0} on floor {1} is led by {2}.",
    )
    department = wages.rows[0][1]
    head_row = next(row for row in led.rows if row[0] == department)
    chosen = [row for row in wages.rows if row[1] == department]
    files = _files(firm, "staff", (wages, led), file_format)
    return Draft(
        question=f"{_attached(files)} How many crowns do those in the department that "
        f"{head_row[2]} leads at {firm.title} earn together, without {head_row[2]}?",
        answers=(str(sum(int(row[2]) for row in chosen)),),
        level=2,
        entities=tuple(str(row[0]) for row in chosen),
        evidence=_shown(files, [head_row, *chosen]),
        calls=(*_reading(files), calculate(" + ".join(str(row[2]) for row in chosen))),
        files=files,
    )


def file_hop_questions(book: Encyclopedia, words: Sequence[str], dice: Dice) -> Iterator[Draft]:
    """From an auction's list of works, in any format, on into the encyclopedia."""
    firms = [page for page in book.pages.values() if page.what == "firm"]
    works = [page for page in book.pages.values() if page.what in {"novel", "painting", "opera"}]
    while True:
        firm, file_format = dice.pick(firms), dice.pick(FORMATS)
        prices = dice.sample(range(20, 3_000), _ROWS)
        rows = [
            (number, work.title, dice.pick(words), price)
            for number, (work, price) in enumerate(
                zip(dice.sample(works, _ROWS), prices, strict=True), 1
            )
        ]
        sheet = Sheet(
            "Auction",
            ("Lot", "Work", "Buyer", "Price"),
            tuple(rows),
            "Lot {0}, {1}, went to {2} for {3} crowns.",
        )
        dearest = max(rows, key=lambda row: row[3])
        work = book.pages[dearest[1]]
        maker = work.facts[0]
        person = book.pages[maker.value]
        town = book.pages[person.fact("birthplace").value]
        population = town.fact("population")
        files = _files(firm, "auction", (sheet,), file_format)
        yield Draft(
            question=f"{_attached(files)} Take the work that fetched the highest price in the "
            f"auction held for {firm.title}. How many inhabitants has the birthplace of its "
            f"{maker.relation}?",
            answers=(population.value,),
            level=3,
            entities=(work.title, person.title, town.title),
            evidence=(
                *_shown(files, [dearest]),
                maker.sentence,
                person.fact("birthplace").sentence,
                population.sentence,
            ),
            calls=(*_reading(files), *map(open_page, (work.title, person.title, town.title))),
            files=files,
        )


def _files(firm: Page, stem: str, sheets: tuple[Sheet, ...], file_format: str) -> tuple[File, ...]:
    """One file with all sheets; of a format that holds no more than one sheet, a file each."""
    root = firm.title.split()[0].lower()
    if file_format != "csv":
        return (File(f"{root}-{stem}.{file_format}", f"{firm.title}, {stem}", sheets),)
    return tuple(
        File(f"{root}-{sheet.name.lower()}.csv", f"{firm.title}, {stem}", (sheet,))
        for sheet in sheets
    )


def _attached(files: tuple[File, ...]) -> str:
    plural = "s" if len(files) > 1 else ""
    return f"Attached file{plural}: {' and '.join(file.name for file in files)}."


def _reading(files: tuple[File, ...]) -> Iterator[Call]:
    for file in files:
        if file.format in {"pdf", "xlsx"}:
            for page in range(1, len(file.sheets) + 1):
                yield "read_document", {"path": file.name, "page": page}
        else:
            yield "read_file", {"path": file.name}


def _shown(files: tuple[File, ...], chosen: list[tuple[Cell, ...]]) -> tuple[str, ...]:
    """What a reader of the files sees of the chosen rows."""
    return tuple(
        file.shown(sheet, row)
        for file in files
        for sheet in file.sheets
        for row in sheet.rows
        if row in chosen
    )
