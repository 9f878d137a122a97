"""What Tab offers in the chat."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from lean_agent.cli.chat import choosing, reporting
from lean_agent.cli.chat.completion import ChatCompleter, names_something

del choosing, reporting  # they have registered their commands


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("notes.md", "two words.txt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "my folder").mkdir()
    (tmp_path / "my folder" / "in it.md").touch()


def completed(text: str) -> list[str]:
    """The whole line after each choice."""
    session: Any = SimpleNamespace(last=None)
    found = ChatCompleter(session).get_completions(Document(text), CompleteEvent())
    return [text[: len(text) + one.start_position] + one.text for one in found]


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        ("What is in @no", ["What is in @notes.md"]),
        ("@t", ['@"two words.txt"']),
        ('@"two w', ['@"two words.txt"']),
        ("see @m", ['see @"my folder/']),
        ('see @"my folder/', ['see @"my folder/in it.md"']),
        ("see @.", ["see @.hidden"]),
        ("first line\n@no", ["first line\n@notes.md"]),
        ("me@no", []),
        ("/theme l", ["/theme light"]),
        ("/bu", ["/budget"]),
    ],
)
def test_what_is_offered(typed: str, lines: list[str]) -> None:
    assert completed(typed) == lines
    assert names_something(typed) is bool(lines)


def test_hidden_files_are_offered_once_a_dot_is_typed() -> None:
    assert completed("@") == ['@"my folder/', "@notes.md", '@"two words.txt"']
