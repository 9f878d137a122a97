from __future__ import annotations

import csv
import json
import re
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lean_agent import ConfigurationError, RunContext, ToolError
from lean_agent.tool_spec import Foreseeing
from lean_agent_evals.suites.gaia_like import GaiaLike
from lean_agent_evals.suites.gaia_like.contents import contents
from lean_agent_evals.suites.gaia_like.documents import FORMATS, File, Sheet, write_file
from lean_agent_evals.suites.gaia_like.read_document import read_document
from lean_agent_evals.task import Split, Task
from lean_agent_tools.read_file import read_file

SMALL = 300
SUITE = GaiaLike(pages=SMALL)
ONE = Sheet("Wages", ("Name", "Wage"), (("A & <B>", 12), ('C, "D" (E)', 1300)), "{0} earns {1}.")
TWO = Sheet("Heads", ("Name", "Floor"), (("A", 1),), "{0} is on {1}.")


class Texts(HTMLParser):
    """What stands between the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def file_tasks(split: Split = "dev") -> list[Task]:
    return [task for task in SUITE.tasks(split) if task.data["files"]]


@pytest.mark.parametrize("file_format", FORMATS)
async def test_whoever_reads_a_file_sees_its_rows(file_format: str, tmp_path: Path) -> None:
    sheets = (ONE,) if file_format == "csv" else (ONE, TWO)
    file = File(f"staff.{file_format}", "The staff", sheets)
    write_file(file, tmp_path)
    ctx = RunContext(roots=(tmp_path,))
    if file_format in {"pdf", "xlsx"}:
        with pytest.raises(ToolError, match="is no text file"):
            await read_file.call({"path": file.name}, ctx)
        pages = [
            await read_document.call({"path": file.name, "page": n + 1}, ctx)
            for n in range(len(sheets))
        ]
        assert all(pages[n].endswith(f"[page {n + 1} of 2]") for n in range(2))
    else:
        pages = [await read_file.call({"path": file.name}, ctx)] * len(sheets)
    for sheet, page in zip(sheets, pages, strict=True):
        assert all(file.shown(sheet, row) in page for row in sheet.rows)


def test_csv_json_and_html_are_what_they_say(tmp_path: Path) -> None:
    rows = [[str(cell) for cell in row] for row in (ONE.columns, *ONE.rows)]
    with write_file(File("a.csv", "t", (ONE,)), tmp_path).open(newline="") as file:
        assert list(csv.reader(file)) == rows
    read = json.loads(write_file(File("a.json", "t", (ONE, TWO)), tmp_path).read_text())
    assert read["Wages"][1] == {"Name": 'C, "D" (E)', "Wage": 1300}
    assert list(read) == ["Wages", "Heads"]
    parser = Texts()
    parser.feed(write_file(File("a.html", "t", (ONE,)), tmp_path).read_text())
    assert [cell for row in rows for cell in row] == parser.texts[2:]


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_same_file_is_the_same_bytes(file_format: str, tmp_path: Path) -> None:
    file = File(f"a.{file_format}", "The staff", (ONE,))
    first = write_file(file, tmp_path).read_bytes()
    assert write_file(file, tmp_path).read_bytes() == first


async def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    ctx = RunContext(roots=(tmp_path,))
    write_file(File("a.pdf", "t", (ONE,)), tmp_path)
    write_file(File("b.txt", "t", (ONE,)), tmp_path)
    for arguments, said in (
        ({"path": "c.pdf"}, "there is no c.pdf; there is a.pdf, b.txt"),
        ({"path": "/etc/passwd"}, "there is no /etc/passwd; there is a.pdf, b.txt"),
        ({"path": "b.txt"}, "b.txt is no PDF or XLSX file: use read_file"),
        ({"path": "a.pdf", "page": 2}, "a.pdf has 1 page"),
        ({"path": "a.pdf", "page": 0}, "a.pdf has 1 page"),
    ):
        with pytest.raises(ToolError) as error:
            await read_document.call(arguments, ctx)
        assert str(error.value) == said


@pytest.mark.parametrize(("name", "library"), [("a.pdf", "pydyf"), ("a.xlsx", "xlsxwriter")])
def test_without_the_library_the_hint_says_what_to_install(
    name: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigurationError, match=f"{name} cannot be written without") as error:
        write_file(File(name, "t", (ONE,)), tmp_path)
    assert error.value.hint == "install lean-agent[evals]"


@pytest.mark.parametrize(("name", "library"), [("a.pdf", "pypdf"), ("a.xlsx", "python_calamine")])
async def test_without_the_library_nothing_is_read(
    name: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(File(name, "t", (ONE,)), tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigurationError, match=f"{name} cannot be read without"):
        await read_document.call({"path": name}, RunContext(roots=(tmp_path,)))


def test_sums_over_csv_files_come_out_the_same_when_read_from_the_files() -> None:
    tasks = [task for seed in range(3) for task in SUITE.tasks("dev", seed=seed)]
    stems = Counter[str]()
    for task in (task for task in tasks if task.kind == "file-csv"):
        tables: dict[str, list[dict[str, str]]] = {}
        with SUITE.open(task) as attempt:
            for path in attempt.roots[0].iterdir():
                with path.open(newline="") as file:
                    tables[path.stem.split("-")[1]] = list(csv.DictReader(file))
        if rows := tables.get("consignments"):
            (buyer,) = re.findall(r"did (\w+) have to pay", task.question)
            rows = [row for row in rows if row["Buyer"] == buyer]
            total = sum(int(row["Quantity"]) * int(row["Price each"]) for row in rows)
        else:
            (head,) = re.findall(r"department that (\w+) leads", task.question)
            (led,) = [row["Department"] for row in tables["heads"] if row["Head"] == head]
            total = sum(int(row["Wage"]) for row in tables["wages"] if row["Department"] == led)
        assert task.answers == (str(total),)
        stems.update(list(tables))
    assert min(stems.values()) > 5
    assert len(stems) == 3


def test_an_attempt_has_a_folder_of_its_own_which_goes_with_it() -> None:
    task = file_tasks()[0]
    with SUITE.open(task) as one, SUITE.open(task) as other:
        (first,), (second,) = one.roots, other.roots
        assert first != second
        assert sorted(path.name for path in first.iterdir()) == sorted(task.data["files"])
        names = [tool.spec.name for tool in one.tools]
        assert {"list_files", "read_file", "read_document", "search"} <= set(names)
    assert not first.exists()
    assert not second.exists()


def test_the_folder_goes_when_the_attempt_fails_too() -> None:
    folders: list[Path] = []

    def attempted() -> None:
        with SUITE.open(file_tasks()[0]) as attempt:
            folders.extend(attempt.roots)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        attempted()
    assert not folders[0].exists()


async def test_the_files_that_a_question_names_are_sure_to_be_read() -> None:
    for task in file_tasks():
        with SUITE.open(task) as attempt:
            ctx = RunContext(roots=tuple(attempt.roots), task=task.question)
            seeing = [tool for tool in attempt.tools if isinstance(tool, Foreseeing)]
            calls = [call for tool in seeing for call in await tool.foreseen(task.question, ctx)]
        assert sorted(call["path"] for call in calls) == sorted(task.data["files"])


def test_without_files_there_are_no_file_tools() -> None:
    task = next(task for task in SUITE.tasks("dev") if not task.data["files"])
    with SUITE.open(task) as attempt:
        assert [tool.spec.name for tool in attempt.tools] == [
            "search",
            "open_page",
            "calculator",
            "python",
        ]
        assert not attempt.roots


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_file_is_shown_whole_and_named_in_the_question(split: Split, tmp_path: Path) -> None:
    made = contents(split, 0, SMALL)
    files = [(draft, file) for _, draft in made.drafts for file in draft.files]
    assert {file.format for _, file in files} == set(FORMATS)
    for draft, file in files:
        assert file.name in draft.question
        assert len(file.sheets) == 1 or file.format != "csv"
        if file.format not in {"pdf", "xlsx"}:
            assert len(write_file(file, tmp_path).read_text()) < 3_600
    assert not [d for _, d in made.drafts if replace(d, files=()) != d and not d.calls]
