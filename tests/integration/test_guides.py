"""The tutorial and the how-to pages, done as they say, with a scripted server for a model."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from support.cli import acts_natively, in_process
from support.doc_pages import GUIDES, commands, fences
from support.fake_openai import FakeOpenAI, FakeRequest, Reply
from support.scripts import script

_CALLS = {"free_nights": '{"month": "May"}', "stock": '{"part": "M5 bolt"}'}

EXPECTED = {  # what a reader must have seen by the end of the page
    "budget": ("ok completed None", "Name a river. -> ok", "ended:", "tokens of 2,000"),
    "eval-suite": ("questions is valid", "orders is valid", "report.html", "at most"),
    "postgres": ("limit_exceeded steps\n", "completed ok\n"),
    "planning-domain": ("1 + 1 + 5 + 10 + 10", '"answer": "5 + 25"'),
    "ray": ("at most",),
    "tool": ("stock {'part': 'M5 bolt'} -> 80",),
    "tutorial": (
        "free_nights {'month': 'May'} -> [3,4,17]",
        "completed None 2 steps",
        "limit_exceeded steps 1 steps",
        "report.html",
    ),
}


def answer(request: FakeRequest) -> Reply:
    """Calls a tool that it knows once, and says "ok" to everything else."""
    offered = {tool["function"]["name"] for tool in request.body.get("tools", ())}
    if request.body["messages"][-1]["role"] == "user":
        for name in offered & _CALLS.keys():
            return Reply(tool_calls=((name, _CALLS[name]),))
    return Reply()


def test_every_guide_is_expected_to_show_something() -> None:
    assert {page.stem for page in GUIDES} == set(EXPECTED)


@pytest.mark.slow
@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_guide(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = ""
    with FakeOpenAI(answer) as server:
        acts_natively(server.url, tmp_path)
        settings = {"LEAN_AGENT_MODEL": "openai:x", "OPENAI_BASE_URL": server.url}
        if page.stem == "postgres":
            settings["LEAN_AGENT_CHECKPOINTS"] = request.getfixturevalue("postgres").url
        for fence in fences(page):
            if fence.title:
                Path(fence.title).write_text(fence.text)
            for line in commands(fence.text) if fence.language == "sh" else ():
                if line.startswith("python "):
                    name, *arguments = shlex.split(line)[1:]
                    seen += script(tmp_path / name, *arguments, folder=tmp_path, **settings)
                elif line.startswith("lean-agent "):
                    words = shlex.split(line)[1:]
                    done = in_process(*words, folder=tmp_path, stdin=b"", **settings)
                    assert done.code in {0, 3}, (line, done.err)
                    seen += done.out + done.err
                else:
                    assert line.startswith("make "), line  # test_docs looks whether it is there
    for text in EXPECTED[page.stem]:
        assert text in seen, seen
