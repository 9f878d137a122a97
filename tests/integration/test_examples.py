"""The examples from 06 on, with a scripted server for a model.

Those before are run with the small model, in ``test_real_agent``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.cli import acts_natively
from support.doc_pages import ROOT
from support.fake_openai import FakeOpenAI, FakeRequest, Reply
from support.scripts import ended, script

EXAMPLES = ROOT / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("[0-9]*.py") if path.stem >= "06")


def asked(request: FakeRequest) -> str:
    return json.dumps(request.body["messages"])


def called(request: FakeRequest) -> list[str]:
    """The tools that were called so far."""
    made: list[dict[str, Any]] = [
        call for m in request.body["messages"] for call in m.get("tool_calls") or ()
    ]
    return [call["function"]["name"] for call in made]


def invoice(request: FakeRequest) -> Reply:
    total = 114.4 if "Hollis" in asked(request) else 121.0
    lines = [{"item": "all", "amount": 114.4}]
    known = {"supplier": "S", "number": f"N {total:g}", "lines": lines, "total": total}
    return Reply(text=json.dumps(known))


def message(request: FakeRequest) -> Reply:
    urgent = "must be ordered" in asked(request)
    return Reply(text=json.dumps({"kind": "booking", "urgent": urgent}))


def fallback(request: FakeRequest) -> Reply:
    return Reply(status=503) if request.body["model"] == "first" else Reply(text="It is finite.")


def evaluation(request: FakeRequest) -> Reply:
    right = "prices.md" in asked(request) and "spectrograph" not in asked(request)
    return Reply(text="68" if right else "no idea")


def drafts(request: FakeRequest) -> Reply:
    places = ("letter.txt", "drafts/answer.txt")
    made = len(called(request))
    if made == 2:
        return Reply(text="The answer is drafted.")
    path = places[made] if "tools" in request.body else ""
    return Reply(tool_calls=(("write_file", json.dumps({"path": path, "content": "Yes."})),))


def citations(request: FakeRequest) -> Reply:
    if called(request):
        return Reply(text="It costs 147 euros [prices.md], says [the-moon.md].")
    return Reply(tool_calls=(("search", '{"query": "price of a night 60 cm telescope"}'),))


SCRIPTED = {  # who answers, and what must be seen
    "06_invoices": (invoice, ("N 114.4: S, 114.40 EUR\n", "<- its lines add up to 114.40")),
    "07_batch": (message, ("3 booking URGENT", "1 booking \n", "instant 6 calls,")),
    "08_fallback": (fallback, ("It is finite.", "note:", " USD")),
    "09_shifts": (None, ("solved in", "mon: Ben", "0 tokens")),
    "10_evaluate": (evaluation, ("8 attempts", "the run: complete", "25% right")),
    "11_drafts": (drafts, ("letter.txt refused", "drafts/answer.txt done")),
    "12_citations": (citations, ("prices.md: was read", "the-moon.md: was NOT read")),
}


def test_every_example_has_a_script() -> None:
    assert sorted(SCRIPTED) == NAMES
    told = (ROOT / "docs" / "examples.md").read_text()
    assert all(f"/{path.name})" in told for path in EXAMPLES.glob("[0-9]*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_example(name: str, tmp_path: Path) -> None:
    handler, expected = SCRIPTED[name]
    arguments: list[str] = []
    if name == "08_fallback":
        arguments = ["openai:first", "openai:x"]
        prices = tmp_path / "config" / "lean-agent" / "prices.toml"
        prices.parent.mkdir(parents=True)
        prices.write_text(
            "".join(f'[models."{m}"]\ninput = "0.1"\noutput = "0.4"\n' for m in arguments)
        )
    if name == "11_drafts":
        arguments = [str(shutil.copytree(EXAMPLES / "letters", tmp_path / "letters"))]
    with FakeOpenAI(handler) as server:
        acts_natively(server.url, tmp_path)
        settings = {"LEAN_AGENT_MODEL": "openai:x", "OPENAI_BASE_URL": server.url}
        told = script(EXAMPLES / f"{name}.py", *arguments, folder=tmp_path, **settings)
        assert bool(server.chats) == (handler is not None)
    for text in expected:
        assert text in told, told
    if name == "11_drafts":
        assert (tmp_path / "letters" / "drafts" / "answer.txt").read_text() == "Yes."
        assert "Yes." not in (tmp_path / "letters" / "letter.txt").read_text()


MISTAKES = [  # a bad argument, the exit code, and what must be told
    ("06_invoices", "nowhere", 2, "there is no .txt file in nowhere"),
    ("07_batch", "nowhere.csv", 1, "No such file or directory: nowhere.csv"),
    ("07_batch", str(EXAMPLES / "questions.jsonl"), 2, "has no columns id and message"),
    ("08_fallback", "openai", 2, "not a model name"),
    ("09_shifts", "mon tue", 2, "these are no shifts and people"),
    ("10_evaluate", "nowhere.jsonl", 2, "nowhere.jsonl cannot be read"),
    ("11_drafts", "nowhere", 1, "No such file or directory: nowhere/drafts"),
    ("12_citations", "nowhere", 2, "no such folder: nowhere"),
]


def test_every_example_that_takes_arguments_is_given_a_bad_one() -> None:
    assert sorted({name for name, *_ in MISTAKES}) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize(("name", "argument", "code", "told"), MISTAKES)
def test_a_bad_argument_is_told_in_a_line(
    name: str, argument: str, code: int, told: str, tmp_path: Path
) -> None:
    with FakeOpenAI() as server:
        settings = {"LEAN_AGENT_MODEL": "openai:x", "OPENAI_BASE_URL": server.url}
        found, _, err = ended(EXAMPLES / f"{name}.py", argument, folder=tmp_path, **settings)
        assert not server.chats
    assert found == code
    error, *hint = err.splitlines()
    assert error.startswith("error: ")
    assert told in error
    assert all(line.startswith("hint: ") for line in hint)
