"""read_table, sql and pdf_text, which read hostile files in processes of their own."""

from __future__ import annotations

import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter
from support.pdfs import pdf, shown

from lean_agent import RunContext, ToolError
from lean_agent_tools import _sql_reader
from lean_agent_tools.pdf_text import pdf_text
from lean_agent_tools.read_table import read_table
from lean_agent_tools.sql import sql

pytestmark = pytest.mark.slow  # each starts a process


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.csv").write_text("a\nsecret\n")
    (root / "sales.csv").write_text("city,amount\nOslo,3\nBergen,4\nOslo,5\n")
    (root / "out.csv").symlink_to(tmp_path / "secret.csv")
    return root


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def table(root: Path, path: str, **more: Any) -> str:
    return await read_table.call({"path": path, **more}, RunContext(roots=(root,)))


async def ask(root: Path, *files: str, query: str = "") -> str:
    return await sql.call({"files": list(files), "query": query}, RunContext(roots=(root,)))


async def test_rows_of_text_tables(root: Path) -> None:
    assert await table(root, "sales.csv") == "city,amount\nOslo,3\nBergen,4\nOslo,5"
    assert await table(root, "sales.csv", start_row=4) == "Oslo,5"
    (root / "s.tsv").write_bytes("\ufeffa\tb\n1,5\tcaf".encode() + b"\xe9\n")
    assert await table(root, "s.tsv") == 'a,b\n"1,5",caf\ufffd'
    (root / "long.csv").write_text("".join(f"{n},x\n" for n in range(1_000)))
    first = await table(root, "long.csv")
    assert first.endswith("[more: continue with start_row=201]")
    assert (await table(root, "long.csv", start_row=201)).startswith("200,x\n")


async def test_sheets_of_a_workbook(root: Path) -> None:
    with xlsxwriter.Workbook(str(root / "b.xlsx")) as book:
        for name in ("One", "Two"):
            sheet: Any = book.add_worksheet(name)  # pyright: ignore[reportUnknownMemberType]
            sheet.write_row(1, 1, [name, 2, 2.5])
    text = await table(root, "b.xlsx")
    assert text == "[sheet One, 2 rows; sheets: One, Two]\n,,,\n,One,2,2.5"
    assert ",Two,2,2.5" in await table(root, "b.xlsx", sheet="Two")
    with pytest.raises(ToolError, match="no sheet 'Three'; there is One, Two"):
        await table(root, "b.xlsx", sheet="Three")


def bomb(path: Path) -> None:
    """A sheet of 3 GB in a file of 3 MB."""
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet()  # pyright: ignore[reportUnknownMemberType]
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            if "worksheets/sheet" not in name:
                archive.writestr(name, data)
                continue
            cell = b'<c t="inlineStr"><is><t>' + b"x" * 1_000_000
            with archive.open(name, "w", force_zip64=True) as sheet:
                sheet.write(data.split(b"<sheetData/>")[0] + b'<sheetData><row r="1">')
                for _ in range(3_000):
                    sheet.write(cell)
                    sheet.write(b"</t></is></c>")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("no.xlsx", b"PK\x03\x04 no workbook"),
        ("no.xls", b"\xd0\xcf\x11\xe0" + b"\0" * 600),
        ("empty.csv", b""),
        ("binary.csv", b"\0\1\2" * 100),
        ("line.csv", b"x" * 100_000_000),
        ("quote.csv", b'"' + b"x\n" * 1_000_000),
    ],
)
async def test_a_broken_table_is_a_line(name: str, data: bytes, root: Path) -> None:
    (root / name).write_bytes(data)
    with pytest.raises(ToolError, match=name) as caught:
        await table(root, name)
    assert len(caught.value.message) < 400
    assert "\n" not in caught.value.message


@pytest.mark.soak
async def test_a_workbook_that_swells_ends_only_its_reader(root: Path) -> None:
    bomb(root / "bomb.xlsx")
    assert (root / "bomb.xlsx").stat().st_size < 10_000_000
    with pytest.raises(ToolError, match=r"bomb\.xlsx: (it takes|a damaged)"):
        await table(root, "bomb.xlsx")


@pytest.mark.parametrize("path", ["out.csv", "../secret.csv", "no.csv", ".", "/etc/passwd"])
async def test_nothing_outside_is_read(path: str, root: Path) -> None:
    for call in (table(root, path), ask(root, path, query="select 1")):
        with pytest.raises(ToolError):
            await call


async def test_a_question_over_files_of_each_kind(root: Path) -> None:
    with duckdb.connect(str(root / "shop.duckdb")) as connection:
        connection.execute("create table goods as select 'tea' as name, 2.5 as price")
        connection.execute(f"copy goods to '{root}/goods.parquet'")
    (root / "Week 1.jsonl").write_text('{"day": "Mon", "n": 1}\n{"day": "Tue", "n": 2}\n')
    files = ("sales.csv", "goods.parquet", "Week 1.jsonl", "shop.duckdb")
    listed = await ask(root, *files)
    for part in ("sales,", "city VARCHAR", "goods,", "week_1,", "shop.goods,"):
        assert part in listed
    query = "select city, sum(amount) as total from sales group by all order by 2 desc"
    assert await ask(root, *files, query=query) == "city,total\nOslo,8\nBergen,4\n"
    joined = "select a.name, b.price from shop.goods a join goods b using (name)"
    assert await ask(root, *files, query=joined) == "name,price\ntea,2.5\n"


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('{outside}')",
        "select * from '{outside}'",
        "select * from read_text('/etc/passwd')",
        "select * from glob('/etc/*')",
        "select * from read_csv('{root}/*.csv')",
        "copy sales to '{root}/copied.csv'",
        "with x as (copy sales to '{root}/copied.csv') select * from x",
        "attach '{root}/new.duckdb' as n",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "pragma database_list",
        "create table t as select 1",
        "export database '{root}/dump'",
        "drop view sales",
        "select getenv('HOME')",
        "select nothing from sales",
        "not sql",
    ],
)
def test_sql_reads_what_was_named_and_does_nothing_else(query: str, root: Path) -> None:
    outside = root.parent / "secret.csv"
    before = names(root)
    with pytest.raises(ToolError) as caught:
        # In this process: what starts one for each would take a minute.
        _sql_reader._answer(  # pyright: ignore[reportPrivateUsage]
            {
                "tables": {"sales": {"path": str(root / "sales.csv"), "name": "s", "kind": ".csv"}},
                "query": query.format(root=root, outside=outside),
            }
        )
    assert "secret\n" not in caught.value.message
    assert "\n" not in caught.value.message
    assert names(root) == before


async def test_a_question_without_end_is_stopped(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lean_agent_tools.sql as module

    monkeypatch.setattr(module, "_SECONDS", 1.0)
    for query in (
        "select count(*) from range(1000000000) a, range(1000000000) b",
        "select list(a) from range(100000000000) t(a)",
    ):
        with pytest.raises(ToolError):
            await ask(root, "sales.csv", query=query)


async def test_broken_data_is_a_line(root: Path) -> None:
    (root / "bad.parquet").write_bytes(b"PAR1" + b"\xff" * 400 + b"PAR1")
    (root / "bad.duckdb").write_bytes(b"\0" * 5_000)
    (root / "s*.csv").write_text("a\n1\n")
    for file in ("bad.parquet", "bad.duckdb", "s*.csv"):
        with pytest.raises(ToolError) as caught:
            await ask(root, file, query="select 1")
        assert str(root) not in caught.value.message
    (root / "sub").mkdir()
    (root / "sub" / "SALES.csv").write_text("a\n1\n")
    with pytest.raises(ToolError, match="two files are called sales"):
        await ask(root, "sales.csv", "sub/SALES.csv", query="select 1")


async def test_a_pdf_is_read_and_its_folder_runs_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a.pdf").write_bytes(pdf(shown("Hello there")))
    (root / "b.pdf").write_bytes(b"%PDF-1.7\n" + b"\xff" * 1_000)
    for trap in ("pypdf.py", "json.py", "duckdb.py", "csv.py"):
        (root / trap).write_text("open('trapped', 'w')")
    monkeypatch.chdir(root)
    ctx = RunContext(roots=(root,))
    assert await pdf_text.call({"path": "a.pdf"}, ctx) == "Hello there"
    assert "Oslo" in await table(root, "sales.csv")
    assert "Oslo" in await ask(root, "sales.csv", query="from sales")
    assert not (root / "trapped").exists()
    for path, problem in (("b.pdf", "b.pdf: a damaged PDF"), ("sales.csv", "no PDF file")):
        with pytest.raises(ToolError, match=problem):
            await pdf_text.call({"path": path}, ctx)


async def test_a_query_that_no_process_takes_is_a_line(root: Path) -> None:
    with pytest.raises(ToolError, match="too long to ask"):
        await ask(root, "sales.csv", query=f"select '{'😀' * 15_000}'")


async def test_a_row_as_wide_as_a_file_is_not_held_whole(root: Path) -> None:
    (root / "wide.csv").write_text(",".join(["x" * 300] * 30_000))
    assert len(await table(root, "wide.csv")) <= 2_500_000


async def test_one_list_of_objects_below_a_name_is_a_table(root: Path) -> None:
    (root / "sales.json").write_text(
        '{"Sales \\"all\\"": [{"city": "Oslo", "by": {"name": "Ada"}}, {"city": "Bergen"}]}'
    )
    assert await ask(root, "sales.json", query="select city from sales") == "city\nOslo\nBergen\n"
    assert "city VARCHAR, by STRUCT" in await ask(root, "sales.json")
    (root / "two.json").write_text('{"sales": [{"city": "Oslo"}], "total": 1}')
    assert await ask(root, "two.json", query="select total from two") == "total\n1\n"
    (root / "numbers.json").write_text('{"sales": [1, 2]}')
    assert await ask(root, "numbers.json", query="from numbers") == 'sales\n"[1, 2]"\n'
    (root / "each.json").write_text('{"sales": [{"city": "Oslo"}]}\n' * 2)
    assert "sales" in await ask(root, "each.json")
    (root / "large.json").write_text('{"sales": [' + '{"city": "Oslo"},' * 1_200_000 + "{}]}")
    assert await ask(root, "large.json", query="select count(city) from large") == (
        "count(city)\n1200000\n"
    )


async def test_a_database_of_another_kind_is_refused(root: Path) -> None:
    sqlite3.connect(root / "shop.db").execute("create table goods (name)").connection.close()
    with pytest.raises(ToolError) as caught:
        await ask(root, "shop.db")
    assert caught.value.message == "shop.db is no DuckDB file"
