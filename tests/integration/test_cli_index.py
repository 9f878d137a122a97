"""``lean-agent index``, as users run it."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.cli import LEAN_AGENT, environment, in_process, lean_agent
from support.embedding import TrigramEmbedder

from lean_agent.models import weights

DOCUMENTS = Path(__file__).parents[2] / "examples" / "corpus"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "some docs"
    folder.mkdir()
    (folder / "whale.md").write_text("# Whales\n\nThe blue whale is the largest animal.")
    (folder / "cat.txt").write_text("The cat sat on the mat.")
    (folder / "bad.json").write_text("{")
    return folder


def test_building_searching_and_looking(source: Path, tmp_path: Path) -> None:
    ended = in_process("index", "build", str(source), folder=tmp_path)
    assert ended.code == 0
    what, place = ended.out.splitlines()
    assert what.startswith("2 passages of 2 files indexed in ")
    assert place.startswith(f"index: {tmp_path}/cache/lean-agent/indexes/some_docs-")
    assert "left out: bad.json (not JSON: Expecting" in ended.err
    assert "words alone" in ended.err
    again = in_process("index", "build", str(source), folder=tmp_path)
    assert again.out.startswith("2 passages of 2 files: nothing has changed\n")

    ended = in_process("index", "search", "largest animal?", str(source), folder=tmp_path)
    assert ended.code == 0
    first, text = ended.out.splitlines()
    assert first.startswith("[1] Whales (whale.md#1) ")
    assert text == "    # Whales The blue whale is the largest animal."
    none = in_process("index", "search", "zebra", str(source), folder=tmp_path)
    assert (none.code, none.out, none.err) == (0, "", "no passage fits\n")

    ended = in_process("index", "info", str(source), folder=tmp_path)
    assert ended.code == 0
    assert "none: words alone (BM25)" in ended.out
    assert "bad.json" in ended.out
    by_place = in_process("index", "info", place.removeprefix("index: "), folder=tmp_path)
    assert by_place == ended


def test_json(source: Path, tmp_path: Path) -> None:
    place = tmp_path / "index"
    line = ("index", "build", str(source), "--out", str(place), "--json")
    built = in_process(*line, folder=tmp_path).json
    assert (built["passages"], built["read"], built["folder"]) == (2, 3, str(place))
    assert built["skipped"][0]["path"] == "bad.json"
    hits = in_process("index", "search", "cat", str(place), "--json", folder=tmp_path).json
    assert [(hit["id"], hit["lexical_rank"], hit["dense_rank"]) for hit in hits] == [
        ("cat.txt#1", 1, None)
    ]
    about = in_process("index", "info", str(place), "--json", folder=tmp_path).json
    assert about["embedder"] is about["calibration"] is None
    assert about["bytes"] > 100


@pytest.mark.parametrize(
    ("line", "error", "hint"),
    [
        (("search", "x", "DIR"), "has no index yet", "run: lean-agent index build 'DIR'"),
        (("info", "DIR"), "has no index yet", "run: lean-agent index build 'DIR'"),
        (("search", "x", "DIR/no"), "no such folder", ""),
        (("search", " ", "DIR"), "empty", ""),
        (("build", "DIR/no"), "no such folder", "give a folder of documents"),
        (("build", "DIR", "--out", "DIR"), "holds other things than an index", "empty folder"),
        (("build", "DIR", "--recall", "2"), "", ""),
    ],
)
def test_what_cannot_work_is_one_line_and_exit_2(
    line: tuple[str, ...], error: str, hint: str, source: Path, tmp_path: Path
) -> None:
    given = [word.replace("DIR", str(source)) for word in line]
    ended = in_process("index", *given, folder=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert error in ended.err.splitlines()[0]
    assert hint.replace("DIR", str(source)) in ended.err


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_leaves_the_old_index(source: Path, tmp_path: Path) -> None:
    assert lean_agent("index", "build", str(source), folder=tmp_path).code == 0
    for number in range(50):
        (source / f"{number}.txt").write_text(f"{number} " * 5_000)
    limited = f'ulimit -f 100; trap "" XFSZ; exec {LEAN_AGENT} index build "$0"'
    done = subprocess.run(
        ["bash", "-c", limited, str(source)],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: File too large")
    found = lean_agent("index", "search", "whale", str(source), "--json", folder=tmp_path)
    assert [hit["source"] for hit in found.json] == ["whale.md"]
    (place,) = (tmp_path / "cache" / "lean-agent" / "indexes").iterdir()
    assert len(list(place.glob("generation-*"))) == 1
    assert lean_agent("index", "build", str(source), folder=tmp_path).code == 0


@pytest.mark.slow
def test_ctrl_c_ends_a_build_at_once(source: Path, tmp_path: Path) -> None:
    for number in range(3_000):
        (source / f"{number}.txt").write_text(f"{number} " * 1_000)
    process = subprocess.Popen(
        [LEAN_AGENT, "index", "build", str(source)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
    )
    indexes = tmp_path / "cache" / "lean-agent" / "indexes"
    while not list(indexes.glob("*/generation-1")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "error: interrupted"


def test_an_embedder_finds_by_meaning_too_and_is_remembered(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, str | None]] = []

    def open_embedder(name: str, *, base_url: str | None) -> TrigramEmbedder:
        opened.append((name, base_url))
        return TrigramEmbedder(name)

    monkeypatch.setattr("lean_agent.models.registry.open_embedder", open_embedder)
    line = ("index", "build", str(source))
    asked = ("--embedder", "test:trigrams", "--base-url", "http://127.0.0.1:1/v1")
    ended = in_process(*line, *asked, folder=tmp_path)
    assert ended.code == 0
    assert "(3 files read, 2 texts embedded)" in ended.out
    assert "words alone" not in ended.err
    assert ended.err.splitlines()[-1] == "test:trigrams: 17 tokens, unknown (unpriced)"

    hits = in_process("index", "search", "whales", str(source), "--json", folder=tmp_path).json
    assert [(hit["lexical_rank"], hit["dense_rank"]) for hit in hits] == [(1, 1), (None, 2)]
    shown = in_process("index", "info", str(source), folder=tmp_path)
    assert "test:trigrams" in shown.out
    assert "exact" in shown.out

    (source / "cat.txt").write_text("Another cat.")
    again = in_process(*line, "--json", folder=tmp_path).json
    assert (again["embedder"], again["embedded"]) == ("test:trigrams", 1)
    assert again["usage"]["input_tokens"] == 3
    none = in_process(*line, "--embedder", "none", "--json", folder=tmp_path).json
    assert none["embedder"] is None
    names = ["test:trigrams"] * 3
    assert opened == list(zip(names, ("http://127.0.0.1:1/v1", None, None), strict=True))


@pytest.mark.slow
def test_embedding_is_in_the_ledger_and_under_caps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    for number in range(8):
        (source / f"{number}.txt").write_text(f"text number {number}")
    embedder = TrigramEmbedder()

    def open_embedder(_name: str, *, base_url: str | None) -> TrigramEmbedder:
        del base_url
        return embedder

    monkeypatch.setattr("lean_agent.models.registry.open_embedder", open_embedder)
    line = ("index", "build", str(source), "--embedder", "test:trigrams")

    refused = in_process(*line, "--budget-usd", "1", folder=tmp_path)
    assert (refused.code, refused.out) == (3, "")
    assert "error: usd limit reached: test:trigrams, whose price is unknown" in refused.err
    assert "prices.toml" in refused.err
    # More than the bytes is set aside for a text, of which 4 tokens are charged.
    capped = in_process(*line, "--max-tokens", "40", folder=tmp_path)
    assert (capped.code, capped.out) == (3, "")
    assert "what was embedded is kept: the same command goes on from there" in capped.err
    paid = list(embedder.asked)
    assert 0 < len(paid) < 8

    ended = in_process(*line, folder=tmp_path)
    assert ended.code == 0
    assert f"{8 - len(paid)} texts embedded" in ended.out
    assert sorted(embedder.asked) == [f"{number}\ntext number {number}" for number in range(8)]
    in_process("index", "search", "number", str(source), folder=tmp_path)
    (row,) = in_process("ledger", "summary", "--by", "purpose", "--json", folder=tmp_path).json
    assert row["purpose"] == "embed"
    assert row["input_tokens"] == 8 * 4 + 1

    in_process("ledger", "budget", "set", "day", "--tokens", "30", folder=tmp_path)
    over = in_process("index", "search", "number two", str(source), folder=tmp_path)
    assert over.code == 3
    assert "limit reached" in over.err


def test_an_embedder_that_nobody_knows(source: Path, tmp_path: Path) -> None:
    line = ("index", "build", str(source), "--embedder")
    ended = in_process(*line, "nobody:x", folder=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: no provider called 'nobody'")
    ended = in_process(*line, "local:all-minilm-l6-v2", folder=tmp_path, LEAN_AGENT_WEIGHTS_DIR="")
    assert (ended.code, ended.out) == (2, "")
    assert "hint: run: lean-agent models pull all-minilm-l6-v2" in ended.err


@pytest.mark.slow
def test_pushing_to_qdrant_and_searching_there(source: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "qdrant")
    line = ("index", "push", str(source), "--to", place)
    ended = in_process(*line, folder=tmp_path)
    assert ended.code == 2
    assert f"hint: run: lean-agent index build '{source}'" in ended.err
    in_process("index", "build", str(source), folder=tmp_path)
    ended = in_process(*line, folder=tmp_path)
    assert (ended.code, ended.out) == (0, f"2 passages in lean-agent at {place} (2 sent)\n")
    ended = in_process(*line, folder=tmp_path)
    assert ended.out == f"2 passages in lean-agent at {place}: nothing to send\n"
    named = in_process(*line, "--collection", "second", "--json", folder=tmp_path).json
    assert (named["collection"], named["passages"], named["sent"]) == ("second", 2, 2)

    there = ("index", "search", "largest animal?", "--at", place)
    here = in_process("index", "search", "largest animal?", str(source), folder=tmp_path)
    assert in_process(*there, folder=tmp_path) == here
    assert in_process(*there, "--collection", "second", folder=tmp_path) == here


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "code", "error", "hint"),
    [
        (("search", "x", "--at", "http://127.0.0.1:1"), 1, "no answer from http://127", "running"),
        (("push", "DIR", "--to", "http://127.0.0.1:1"), 1, "no answer from http://127", "running"),
        (("search", "x", "--at", "DIR/none"), 2, "no collection lean-agent", "index push DIR"),
        (("search", "x", "--at", "localhost:1"), 2, "neither a URL nor a path", "http://"),
        (("search", "x", "DIR", "--at", "DIR/none"), 2, "two places", ""),
        (("search", "x", "DIR", "--collection", "c"), 2, "--collection is for --at", ""),
        (("push", "DIR", "--to", "DIR"), 2, "holds other things", "empty folder"),
    ],
)
def test_a_qdrant_that_cannot_be_used_is_one_line(
    line: tuple[str, ...], code: int, error: str, hint: str, source: Path, tmp_path: Path
) -> None:
    in_process("index", "build", str(source), folder=tmp_path)
    ended = in_process(
        "index", *(word.replace("DIR", str(source)) for word in line), folder=tmp_path
    )
    assert (ended.code, ended.out) == (code, "")
    first, *others = ended.err.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert hint in "".join(others)
    assert len(others) == 1


EMBEDDER = "all-minilm-l6-v2"


@pytest.mark.real_model
@pytest.mark.slow
@pytest.mark.skipif(weights.find(EMBEDDER) is None, reason=f"lean-agent models pull {EMBEDDER}")
@pytest.mark.usefixtures("shared_engine")
def test_the_embedded_embedder(tmp_path: Path) -> None:
    found = weights.find(EMBEDDER)
    assert found is not None
    there = str(found.parents[1])
    place = str(tmp_path / "index")
    line = ("index", "build", str(DOCUMENTS), "--out", place, "--embedder", f"local:{EMBEDDER}")
    ended = lean_agent(*line, folder=tmp_path, timeout=240, LEAN_AGENT_WEIGHTS_DIR=there)
    assert ended.code == 0, ended.err
    assert "tokens, $0 (self-hosted, no rate set)" in ended.err
    # No word of the question but "the" stands in the passage about prices.
    query = ("index", "search", "expenses for observing the Sun", place, "--json")
    hits = lean_agent(*query, folder=tmp_path, LEAN_AGENT_WEIGHTS_DIR=there).json
    assert hits[0]["source"] == "prices.md"
    assert hits[0]["dense_rank"] == 1
