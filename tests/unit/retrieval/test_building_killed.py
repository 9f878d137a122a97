"""A build that is killed: the old index answers, and the next build goes on from there."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from support.searched import searched

from lean_agent.retrieval.index import Index

PROGRAM = """
import asyncio, sys, time
from pathlib import Path
from support.embedding import TrigramEmbedder
from lean_agent.retrieval.building import build_index

source, place, log, batches = sys.argv[1:]

class Logging(TrigramEmbedder):
    calls = 0

    async def embed(self, texts):
        self.calls += 1
        if self.calls > int(batches):
            print("blocked", flush=True)
            time.sleep(60)
        made = await super().embed(texts)
        with open(log, "a") as file:
            file.writelines(text.replace("\\n", " ") + "\\n" for text in texts)
        return made

print("begins", flush=True)
built = asyncio.run(build_index(Path(source), Path(place), embedder=Logging()))
print("built", built.embedded, flush=True)
"""
TESTS = Path(__file__).parents[2]


def start(folder: Path, batches: int = 10**6) -> subprocess.Popen[str]:
    line = [folder / "docs", folder / "index", folder / "log", str(batches)]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, line)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=TESTS,
    )


def fill(folder: Path, generation: int, count: int) -> None:
    (folder / "docs").mkdir(exist_ok=True)
    for number in range(count):
        text = f"Document {number} of generation{generation}"
        (folder / "docs" / f"{generation}-{number}.txt").write_text(text)


def answers(folder: Path) -> str:
    return searched(Index.open(folder / "index"), "document 7", 1)[0].passage.text


@pytest.mark.slow
def test_nothing_is_embedded_twice(tmp_path: Path) -> None:
    fill(tmp_path, 1, 10)
    first = start(tmp_path)
    assert first.communicate(timeout=60)[0].endswith("built 10\n")
    fill(tmp_path, 2, 600)
    (tmp_path / "log").unlink()
    killed = start(tmp_path, batches=2)
    assert killed.stdout is not None
    assert [killed.stdout.readline() for _ in range(2)] == ["begins\n", "blocked\n"]
    killed.kill()
    killed.wait()
    killed.stdout.close()
    assert answers(tmp_path) == "Document 7 of generation1"
    before = (tmp_path / "log").read_text().splitlines()
    assert 50 < len(before) < 200
    again = start(tmp_path)
    assert again.communicate(timeout=60)[0].endswith(f"built {600 - len(before)}\n")
    assert Counter((tmp_path / "log").read_text().splitlines()).most_common(1)[0][1] == 1
    assert len(Index.open(tmp_path / "index")) == 610
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == [
        "build.lock",
        "current",
        "generation-2",
    ]


@pytest.mark.slow
def test_killed_at_any_moment(tmp_path: Path) -> None:
    fill(tmp_path, 1, 10)
    first = start(tmp_path)
    assert first.communicate(timeout=60)[0].endswith("built 10\n")
    (tmp_path / "log").unlink()
    chance = random.Random(0)
    kills = 0
    for generation in range(2, 7):
        fill(tmp_path, generation, 400)
        killed = start(tmp_path)
        assert killed.stdout is not None
        assert killed.stdout.readline() == "begins\n"
        time.sleep(chance.uniform(0, 1.2))
        killed.kill()
        kills += killed.wait() != 0
        killed.stdout.close()
        assert answers(tmp_path).startswith("Document 7 of generation")
    assert kills
    fill(tmp_path, 7, 1)
    assert "built" in start(tmp_path).communicate(timeout=60)[0]
    assert len(Index.open(tmp_path / "index")) == 10 + 5 * 400 + 1
    # Only a batch that was under way at a kill may have been asked for again.
    counts = Counter((tmp_path / "log").read_text().splitlines())
    assert len(counts) == 5 * 400 + 1
    assert sum(count - 1 for count in counts.values()) <= 512 * kills
