from __future__ import annotations

import logging

import pytest

from lean_agent import RunContext, Tool, ToolError
from lean_agent_evals.suites.gaia_like.contents import contents
from lean_agent_evals.suites.gaia_like.encyclopedia import Encyclopedia
from lean_agent_evals.suites.gaia_like.pages import line

SMALL = 300
CTX = RunContext()


@pytest.fixture(scope="module")
def book() -> Encyclopedia:
    return contents("dev", 0, SMALL).book


def of_kind(book: Encyclopedia, what: str) -> str:
    return next(title for title, page in book.pages.items() if page.what == what)


def test_pages_are_found_by_their_titles(book: Encyclopedia) -> None:
    for title, page in list(book.pages.items())[::3]:
        found = book.search(title)
        assert f"] {title} ({page.what})\n" in found
        if page.what not in {"country", "region", "list"}:  # their names are on many pages
            assert found.startswith(f"[1] {title} ")


def test_a_person_is_found_through_what_a_page_says(book: Encyclopedia) -> None:
    person = of_kind(book, "novelist")
    novel = next(p for p in book.pages.values() if p.has("author") and p.facts[0].value == person)
    assert person in book.search(f"author of {novel.title}")


def test_what_a_search_shows_is_short(book: Encyclopedia) -> None:
    shown = [book.search(title) for title in list(book.pages)[::7]]
    assert max(map(len, shown)) < 1_400
    assert book.search("zzzz") == "No page matches."


def test_pages_are_short_and_their_parts_hold_every_row_once(book: Encyclopedia) -> None:
    for title, page in book.pages.items():
        parts = [book.open_page(title, n + 1) for n in range(len(book.parts(title)))]
        assert max(map(len, parts)) < 1_700
        assert all(part.startswith(f"{title} ({page.what})\n") for part in parts)
        lines = [text for part in parts for text in part.splitlines()]
        for row in page.rows:
            assert lines.count(line(row)) == 1
        if page.rows:
            assert lines.count(line(page.columns)) == len(parts)
        assert page.text in parts[0]


def test_a_long_page_says_that_there_is_more(book: Encyclopedia) -> None:
    title = next(title for title in book.pages if len(book.parts(title)) > 1)
    assert book.open_page(title).endswith("[part 1 of 2]")
    assert book.open_page(title, 2).endswith("[part 2 of 2]")


def test_titles_are_read_whatever_their_case_and_spaces(book: Encyclopedia) -> None:
    title = of_kind(book, "novelist")
    assert book.open_page(f"  {title.upper().replace(' ', '   ')} ") == book.open_page(title)


def test_a_page_opens_under_the_heading_that_a_search_shows(book: Encyclopedia) -> None:
    for title, page in book.pages.items():
        assert book.open_page(f"{title} ({page.what})") == book.open_page(title)


def test_what_is_not_there_is_said_in_one_line(book: Encyclopedia) -> None:
    with pytest.raises(ToolError, match=r"^there is no page 'Paris'; search for it$"):
        book.open_page("Paris")
    title = of_kind(book, "town")
    for part in (0, -1, 2):
        with pytest.raises(ToolError, match=r"has 1 part$"):
            book.open_page(title, part)
    with pytest.raises(ToolError) as error:
        book.open_page("x" * 10_000)
    assert len(str(error.value)) < 200


async def test_the_tools_are_small_and_safe(
    book: Encyclopedia, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        search, open_page = book.tools
        for tool in (search, open_page):
            assert isinstance(tool, Tool)
            assert not tool.spec.side_effects
            assert tool.spec.concurrency_safe
        assert list(search.spec.parameters["properties"]) == ["query"]
        assert list(open_page.spec.parameters["properties"]) == ["title", "part"]
        title = of_kind(book, "river")
        assert title in await search.call({"query": title}, CTX)
        assert (await open_page.call({"title": title}, CTX)).startswith(title)
    assert not [record for record in caplog.records if record.name == "bm25s"]
