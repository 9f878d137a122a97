"""What the user hands in, checked before anything is loaded or paid for."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from lean_agent.cli.failures import usage_error

__all__ = [
    "MAX_QUESTION_BYTES",
    "check_corpus",
    "check_file",
    "check_text",
    "decode_question",
    "is_picture",
    "question_from",
]

MAX_QUESTION_BYTES = 1_000_000
_SAMPLE_BYTES = 65_536
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp"})
# Bytes that no text holds, in UTF-8 or an older encoding; read_file draws the line there too.
_BINARY = frozenset(range(32)) - frozenset(b"\t\n\r\f\b\x1b")


def decode_question(data: bytes) -> str:
    """The question that came as bytes.

    Raises:
        ConfigurationError: if it is empty, too long or not UTF-8.
    """
    if len(data) >= MAX_QUESTION_BYTES:
        raise usage_error(
            f"the question is longer than {MAX_QUESTION_BYTES:,} bytes",
            "put the material in a file and ask about it: lean-agent ask --file FILE '...'",
        )
    try:
        question = data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise usage_error(
            f"the question is not UTF-8 text (byte {error.start})",
            "convert it first, for example with iconv -t utf-8",
        ) from None
    if not question:
        raise usage_error("the question is empty", "lean-agent ask 'your question'")
    return question


def question_from(argument: str | None) -> str:
    """The question from the argument, or from standard input where that is ``-`` or missing.

    Raises:
        ConfigurationError: if there is none, or it is no fit question.
    """
    if argument is not None and argument != "-":
        return decode_question(os.fsencode(argument))
    if argument is None and sys.stdin.isatty():
        raise usage_error("no question", "lean-agent ask 'your question', or lean-agent chat")
    return decode_question(sys.stdin.buffer.read(MAX_QUESTION_BYTES))


def check_text(option: str, text: str) -> None:
    """Refuse what could not be sent: an argument need not be UTF-8.

    Raises:
        ConfigurationError: naming the option.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise usage_error(f"{option} is not UTF-8 text", "look at the terminal's locale") from None


def check_corpus(folder: Path) -> None:
    """Refuse a folder that cannot be read.

    Raises:
        ConfigurationError: saying what is wrong with it.
    """
    if not folder.exists():
        raise usage_error(f"no such folder: {folder}", "--corpus takes a folder of documents")
    if not folder.is_dir():
        raise usage_error(f"not a folder: {folder}", f"for a single file: --file {folder}")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise usage_error(f"the folder cannot be read: {folder}", "look at its permissions")


def is_picture(file: Path) -> bool:
    """Whether its name says that it is a picture; what is in it is looked at when it is read."""
    return file.suffix.lower() in _PICTURES


def check_file(file: Path) -> None:
    """Refuse what is no readable text file.

    Raises:
        ConfigurationError: saying what is wrong with it.
    """
    try:
        kind = file.stat().st_mode
        if stat.S_ISDIR(kind):
            raise usage_error(f"this is a folder: {file}", f"for a folder: --corpus {file}")
        if not stat.S_ISREG(kind):
            raise usage_error(f"not a regular file: {file}", "--file takes a text file")
        with file.open("rb") as stream:
            head = stream.read(_SAMPLE_BYTES)
    except FileNotFoundError:
        raise usage_error(f"no such file: {file}", "--file takes a text file") from None
    except OSError as error:
        raise usage_error(
            f"the file cannot be read: {file} ({error.strerror})", "look at its permissions"
        ) from None
    if _BINARY.intersection(head):
        raise usage_error(f"not a text file: {file}", "convert it first, for example to Markdown")
