from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from support.outcomes import outcome
from support.reports import made_up

from lean_agent_evals.report import render
from lean_agent_evals.report.measured_how import settings

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "<!--<script>",
    "]]>\u2028\u2029&lt;script&gt;",
    "'; drop table; --\x00\x1b[31m\ud800\u202eabc",
]
KEY = "sk-" + "a1b2c3d4e5f6g7h8"


class Page(HTMLParser):
    """The elements of a page, and the text of its scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.elements[-1] if self.elements else ("", {})
        if tag in {"script", "style"} and self.cdata_elem:
            self.raw.append((attributes, data))
        else:
            self.text += data

    def samples(self) -> list[dict[str, Any]]:
        return [json.loads(text) for attributes, text in self.raw if "id" in attributes]


def hostile_page(text: str) -> Page:
    found = outcome(text, arm=text)
    line = {
        "task_id": text,
        "arm": text,
        "question": text,
        "answers": [text],
        "output": text,
        "messages": [
            {"role": text, "content": text},
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": text}}]},
            {"role": "tool", "content": text},
        ],
        "trajectory": [{"tool": text, "arguments": {text: text}, "observation": text}],
    }
    html = render({"suite": text, text: text, "model": text}, [found], [line])
    html.encode()
    return Page(html)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_others_wrote_becomes_no_element_and_no_attribute(text: str) -> None:
    harmless, found = hostile_page("harmless"), hostile_page(text)
    assert [tag for tag, _ in found.elements] == [tag for tag, _ in harmless.elements]
    assert [set(given) for _, given in found.elements] == [
        set(given) for _, given in harmless.elements
    ]


def test_hostile_text_is_still_shown_in_full() -> None:
    found = hostile_page(HOSTILE[0])
    assert found.text.count(HOSTILE[0]) >= 5
    (sample,) = found.samples()
    assert sample["output"] == sample["turns"][0]["text"] == HOSTILE[0]


def test_data_cannot_end_its_script_nor_a_line() -> None:
    for text in HOSTILE:
        for attributes, data in hostile_page(text).raw:
            if "id" in attributes:
                assert not set(data) & set("<>&\u2028\u2029\n\x00")


def test_the_page_loads_nothing_and_runs_only_its_own_script() -> None:
    found = Page(render(*made_up(3)))
    for _, attributes in found.elements:
        assert not {"src", "srcset", "action", "data", "style", "onclick"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")
    (policy,) = [
        given["content"] or ""
        for _, given in found.elements
        if given.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    code = [text for attributes, text in found.raw if "id" not in attributes]
    assert len(code) == 2
    for text in code:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
        assert not re.search(r"https?://|@import|url\(|innerHTML|eval\(|fetch\(", text)


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes_in_any_order() -> None:
    config, outcomes, trajectories = made_up(6, epochs=2)
    first = render(config, outcomes, trajectories)
    assert first == render(dict(reversed(config.items())), outcomes, trajectories)
    random.Random(3).shuffle(trajectories)
    assert first == render(config, outcomes, trajectories)
    random.Random(3).shuffle(outcomes)
    assert first == render(config, outcomes, trajectories)


def test_secrets_are_not_on_the_page() -> None:
    config, outcomes, trajectories = made_up(1)
    config |= {"api_key": "hunter2hunter2", "base_url": "https://me:hunter2hunter2@example.org"}
    for line in trajectories:
        line["question"] = f"my key is {KEY}"
        line["messages"][0]["content"] = f"Authorization: Bearer {KEY}"
        line["messages"][-1]["content"] = json.dumps({"api_key": "hunter2hunter2"})
    html = render(config, outcomes, trajectories)
    assert KEY not in html
    assert "hunter2" not in html
    assert "[redacted]" in html


def test_a_long_message_is_cut_and_says_so() -> None:
    config, outcomes, trajectories = made_up(1, arms=["instant"])
    trajectories[0]["messages"][0]["content"] = "x" * 50_000
    (sample,) = Page(render(config, outcomes, trajectories)).samples()
    text = sample["turns"][0]["text"]
    assert text == "x" * 20_000 + "\n… 30,000 characters more"


def test_calls_without_messages_are_shown_from_the_steps() -> None:
    config, outcomes, trajectories = made_up(1, arms=["agent"])
    with_messages = Page(render(config, outcomes, trajectories)).samples()[0]["turns"]
    del trajectories[0]["messages"]
    alone = Page(render(config, outcomes, trajectories)).samples()[0]["turns"]
    assert [turn for turn in alone if turn["role"] == "tool"] == [
        turn for turn in with_messages if turn["role"] == "tool"
    ]
    assert [turn["calls"] for turn in alone if "calls" in turn] == [
        turn["calls"] for turn in with_messages if "calls" in turn
    ]


def test_why_it_scored_so_and_what_failed_are_told() -> None:
    line = {"task_id": "t", "arm": "arm", "detail": "12 is not 13", "error": "the server left"}
    (sample,) = Page(render({}, [outcome("t")], [line])).samples()
    assert sample["remarks"] == ["12 is not 13", "the server left"]


@pytest.mark.parametrize("junk", [None, 7, "text", [None, 3], {"a": [1]}])
def test_a_trajectory_of_another_shape_breaks_nothing(junk: Any) -> None:
    line: dict[str, Any] = {"task_id": "t", "arm": "arm"}
    line |= dict.fromkeys(("question", "answers", "output", "messages", "trajectory"), junk)
    (sample,) = Page(render({}, [outcome("t")], [line])).samples()
    assert sample["task"] == "t"


def test_a_sample_without_a_trajectory_has_no_button() -> None:
    config, outcomes, trajectories = made_up(2, arms=["auto"])
    found = Page(render(config, outcomes, trajectories[1:]))
    assert [given["data-sample"] for _, given in found.elements if "data-sample" in given] == ["0"]


def test_where_a_suite_lies_on_this_machine_is_not_told() -> None:
    assert settings({"suite": "jsonl:/home/me/tasks.jsonl"})[0] == "jsonl:tasks.jsonl"
    assert settings({"suite": "/home/me/suite.py"})[0] == "suite.py"
    assert settings({"suite": "gaia-like"})[0] == "gaia-like"
