"""LEAN_AGENT_OTEL, with and without something that takes what it sends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import environment, in_process
from support.fake_openai import FakeOpenAI, Reply

EXPORTING = """
import json, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from lean_agent.cli.app import run

provider = TracerProvider()
as_line = lambda span: json.dumps(json.loads(span.to_json())) + "\\n"
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=as_line)))
trace.set_tracer_provider(provider)
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_question_as_spans(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(text="four"))
    line = ("ask", "hi there", "--model", "openai:x", "--base-url", server.url, "--quiet")
    done = subprocess.run(
        [sys.executable, "-c", EXPORTING, *line],
        env=environment(tmp_path, LEAN_AGENT_OTEL="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    *spans, answer = done.stdout.splitlines()
    assert answer == "four"
    chat, run = (json.loads(span) for span in spans)
    assert (chat["name"], run["name"]) == ("chat x", "invoke_agent")
    assert chat["parent_id"] == run["context"]["span_id"]
    assert chat["attributes"]["lean_agent.cost.provenance"] == "unpriced"
    assert "hi there" not in done.stdout
    assert "sk-test" not in done.stdout


def test_without_an_exporter_the_user_is_told(server: FakeOpenAI, tmp_path: Path) -> None:
    server.say(Reply(text="four"), Reply(text="four"))
    line = ("ask", "hi", "--model", "openai:x", "--base-url", server.url, "--quiet")
    ended = in_process(*line, folder=tmp_path, LEAN_AGENT_OTEL="1")
    assert (ended.code, ended.out) == (0, "four\n")
    assert "LEAN_AGENT_OTEL is set, but nothing exports" in ended.err
    ended = in_process(*line, folder=tmp_path, LEAN_AGENT_OTEL="0")
    assert (ended.code, ended.err) == (0, "")
