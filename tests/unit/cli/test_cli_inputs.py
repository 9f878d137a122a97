from __future__ import annotations

from pathlib import Path

import pytest

from lean_agent.cli.inputs import (
    MAX_QUESTION_BYTES,
    check_corpus,
    check_file,
    decode_question,
    question_from,
)
from lean_agent.errors import ConfigurationError


def _refused(error: pytest.ExceptionInfo[ConfigurationError], words: str) -> None:
    assert words in error.value.message
    assert error.value.hint
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"caf\xe9", "not UTF-8"),
        (b"a" * MAX_QUESTION_BYTES, "longer than 1,000,000 bytes"),
    ],
)
def test_a_question_that_is_none(data: bytes, words: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        decode_question(data)
    _refused(error, words)


def test_a_question_of_any_language() -> None:
    assert decode_question(" Wie groß? \n".encode()) == "Wie groß?"
    assert question_from("Wie groß?") == "Wie groß?"


def test_an_argument_that_was_no_utf8() -> None:
    with pytest.raises(ConfigurationError) as error:
        question_from("caf\udce9")
    _refused(error, "not UTF-8")


def test_text_files_of_any_length_and_encoding_pass(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    for data in (b"", b"short\r\n", "漢é".encode() * 30_000, "älter".encode("latin-1")):
        file.write_bytes(data)
        check_file(file)


@pytest.mark.parametrize("data", [b"\x7fELF\1\0", b"\x89PNG\r\n\x1a\n", "a".encode("utf-16")])
def test_binary_files_do_not(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(data)
    with pytest.raises(ConfigurationError) as error:
        check_file(file)
    _refused(error, "not a text file")


def test_paths_that_are_something_else(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("a")
    for check, path, words in (
        (check_file, tmp_path / "none", "no such file"),
        (check_file, tmp_path, "this is a folder"),
        (check_file, Path("/dev/null"), "not a regular file"),
        (check_corpus, tmp_path / "none", "no such folder"),
        (check_corpus, file, "not a folder"),
    ):
        with pytest.raises(ConfigurationError) as error:
            check(path)
        _refused(error, words)
    check_corpus(tmp_path)
