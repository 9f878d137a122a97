"""Files that are made to fill memory or time give the model one line, or what fits."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import duckdb
import pytest
from support.pdfs import pdf

from lean_agent import RunContext, ToolError
from lean_agent.retrieval.corpus import load_corpus
from lean_agent_tools.pdf_text import pdf_text
from lean_agent_tools.read_file import read_file
from lean_agent_tools.sql import sql

LINE = b"x" * 100_000_000


async def test_a_line_of_100_mb_is_shown_as_far_as_it_fits(tmp_path: Path) -> None:
    (tmp_path / "line.txt").write_bytes(LINE + b"\nend")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = await read_file.call({"path": "line.txt"}, RunContext(roots=(tmp_path,)))
    assert text.endswith("[line 1 is longer]\n[more: continue with start_line=2]")
    assert len(text) < 4_000
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # kB
    assert grown < 10_000, "it is not held whole"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["line.csv", "line.json", "line.jsonl"])
async def test_sql_over_a_line_of_100_mb_is_a_line(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(LINE)
    with pytest.raises(ToolError) as caught:
        await sql.call({"files": [name]}, RunContext(roots=(tmp_path,)))
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 600


@pytest.mark.slow
async def test_a_parquet_file_that_swells_ends_only_its_reader(tmp_path: Path) -> None:
    place = tmp_path / "bomb.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select repeat('x', 1000) as x from range(4_000_000))"
            f" to '{place}' (compression zstd)"
        )
    assert place.stat().st_size < 2_000_000
    query = "select length(string_agg(x, '')) from bomb"
    with pytest.raises(ToolError, match=r"(?i)memory|too large|exceed"):
        await sql.call({"files": [place.name], "query": query}, RunContext(roots=(tmp_path,)))


@pytest.mark.slow
async def test_a_pdf_that_swells_ends_only_its_reader(tmp_path: Path) -> None:
    data = pdf(" " * 200_000_000, compressed=True)
    assert len(data) < 1_000_000
    (tmp_path / "bomb.pdf").write_bytes(data)
    with pytest.raises(ToolError, match=r"bomb\.pdf: "):
        await pdf_text.call({"path": "bomb.pdf"}, RunContext(roots=(tmp_path,)))


DOCUMENTS = {
    "line.txt": b"word " * 2_000_000,
    "line.csv": b"a," * 5_000_000,
    "deep.html": b"<div>" * 500_000 + b"text",
    "open.html": b"<" * 5_000_000,
    "attributes.html": b"<a " + b"b=c " * 1_000_000 + b">text</a>",
    "deep.json": b"[" * 1_000_000,
    "escapes.txt": b"\x1b[2J\x9b" * 100_000,
    "half.txt": b"caf\xe9 \xed\xa0\x80",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_of_a_corpus_takes_no_more_than_seconds(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(DOCUMENTS[name])
    (tmp_path / "good.txt").write_text("a good one")
    started = time.monotonic()
    corpus = load_corpus(tmp_path)
    assert time.monotonic() - started < 20  # a few, and a busy machine
    assert "a good one" in [passage.text for passage in corpus.passages]
    assert max(len(passage.text) for passage in corpus.passages) < 5_000
    for passage in corpus.passages[:100]:
        passage.text.encode()
