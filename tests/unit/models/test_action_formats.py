"""What is remembered of the servers that were probed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from lean_agent.models.probe import recall, remember

ADDRESS = "https://me:hunter2@host.example/v1?api-version=3&api_key=swordfish"


def _memory() -> Path:
    return Path(os.environ["XDG_STATE_HOME"]) / "lean-agent" / "action_formats.json"


def test_no_secret_of_an_address_is_written() -> None:
    remember(f"openai:x {ADDRESS}", "native")
    remember("openai:x https://abcdefghijkl@host.example/v1", "tagged")
    text = _memory().read_text()
    assert not any(secret in text for secret in ("hunter2", "swordfish", "abcdefghijkl"))
    assert "api-version=3" in text
    assert recall(f"openai:x {ADDRESS}") == "native"
    assert recall("openai:x https://host.example/v1") is None


def test_it_is_the_users_own() -> None:
    remember("openai:x", "native")
    assert _memory().stat().st_mode & 0o777 == 0o600
    assert _memory().parent.stat().st_mode & 0o777 == 0o700


def test_what_was_written_openly_is_redacted_and_closed() -> None:
    _memory().parent.mkdir()
    _memory().write_text(json.dumps({f"openai:x {ADDRESS}": "schema"}))
    remember("openai:y", "native")
    assert "hunter2" not in _memory().read_text()
    assert _memory().stat().st_mode & 0o777 == 0o600
    assert recall(f"openai:x {ADDRESS}") == "schema"


def test_a_folder_that_cannot_be_written_costs_nothing_more() -> None:
    _memory().parent.write_text("in the way")
    remember("openai:x", "native")
    assert recall("openai:x") is None
