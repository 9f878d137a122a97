from __future__ import annotations

from pathlib import Path

import pytest

from lean_agent.cli.chat.attachments import INLINE_BYTES, attach
from lean_agent.errors import ConfigurationError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.md").write_text("remember ``` the milk\n")
    (tmp_path / "two words.txt").write_text("quoted")
    (tmp_path / "large.csv").write_text("a,b\n" * INLINE_BYTES)
    (tmp_path / "binary").write_bytes(b"\x00\x01")
    (tmp_path / "folder").mkdir()


def test_a_small_file_travels_in_the_question() -> None:
    found = attach('What is in @notes.md, and in @"two words.txt"?')
    assert found.inlined == [Path("notes.md"), Path("two words.txt")]
    assert "The file notes.md:\n````\nremember ``` the milk\n````" in found.question
    assert found.question.startswith("What is in @notes.md")
    assert "quoted" in found.question


def test_a_large_file_and_a_folder_are_for_the_tools() -> None:
    found = attach("Compare @large.csv with @folder/.")
    assert (found.files, found.corpus) == ([Path("large.csv")], Path("folder"))
    assert len(found.question) < 200


def test_what_is_no_path_stays_as_it_is() -> None:
    text = "Ask me@example.org or @someone about @no/such.txt, @note.md."
    found = attach(text)
    assert (found.question, found.inlined, found.files) == (text, [], [])
    assert found.missing == ["no/such.txt", "note.md"]


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not a text file"):
        attach("What is @binary")


def test_a_picture_goes_with_the_question() -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(9)
    Path("dot.PNG").write_bytes(picture)
    found = attach("What is @dot.PNG?")
    assert (found.question, found.inlined, found.files) == ("What is @dot.PNG?", [], [])
    assert [image.media_type for image in found.images] == ["image/png"]
    assert found.pictures == [Path("dot.PNG")]
    Path("fake.png").write_text("no picture")
    with pytest.raises(ConfigurationError, match=r"fake\.png: this is no picture"):
        attach("What is @fake.png?")
