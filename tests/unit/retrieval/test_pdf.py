from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from pypdf import PdfWriter
from support.pdfs import pdf, shown

from lean_agent.retrieval.corpus import load_corpus
from lean_agent.retrieval.documents import UnreadableError
from lean_agent.retrieval.pdf import read_pdf


@pytest.mark.slow
def test_the_text_of_all_pages_and_the_title(tmp_path: Path) -> None:
    (tmp_path / "Whales.PDF").write_bytes(pdf(shown("Blue whale"), "", shown("Page three")))
    (tmp_path / "other.pdf").write_bytes(pdf(shown("Cats"), title="On  cats"))
    passages = load_corpus(tmp_path).passages
    assert [(p.title, p.text) for p in passages] == [
        ("Whales", "Blue whale\n\nPage three"),
        ("On cats", "Cats"),
    ]


@pytest.mark.slow
def test_an_empty_password_is_no_obstacle() -> None:
    writer = PdfWriter(io.BytesIO(pdf(shown("Free to read"))))
    writer.encrypt("", "owner", algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    assert read_pdf("x", file.getvalue()).text == "Free to read"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pdf("", ""), r"no text in it \(scanned pages\?\)"),
        (pdf(shown("secret"), password="x"), "encrypted"),
        (pdf(shown("cut"))[:300], "a damaged PDF"),
        (b"%PDF-1.7\n", "a damaged PDF"),
        (b"", "a damaged PDF"),
        (pdf(*[""] * 2_001), "more than 2,000 pages"),
    ],
)
def test_what_cannot_be_read_is_told(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason) as refused:
        read_pdf("x", data)
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_a_file_that_takes_long_is_given_up() -> None:
    long = pdf("BT /F1 12 Tf " + "(x) Tj " * 2_000_000 + "ET", compressed=True)
    assert len(long) < 100_000
    started = time.monotonic()
    with pytest.raises(UnreadableError, match="takes over 1 s"):
        read_pdf("x", long, max_seconds=1)
    assert time.monotonic() - started < 10
