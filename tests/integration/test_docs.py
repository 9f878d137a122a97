"""Every command and snippet of the README and the docs, run as it stands."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.doc_pages import GUIDES, PAGES, ROOT, Fence, commands, fences

from lean_agent.models import weights
from lean_agent.retrieval.building import build_index
from lean_agent.retrieval.index import Index
from lean_agent.retrieval.qdrant_push import push_index

NAME = "qwen2.5-coder-0.5b"
EMBEDDER = "all-minilm-l6-v2"


def lines_of(pages: list[Path]) -> list[str]:
    """Every command that they tell."""
    return [
        line
        for page in pages
        for fence in fences(page)
        if fence.language in {"sh", "bash", "console"}
        for line in commands(fence.text)
    ]


TOLD = lines_of(PAGES)
SNIPPETS = [fence for page in PAGES for fence in fences(page) if fence.language == "python"]


def test_there_is_something_to_check() -> None:
    assert len(TOLD) > 10
    assert any("run_sync" in fence.text for fence in SNIPPETS)


@pytest.mark.parametrize("line", [c for c in [*TOLD, *lines_of(GUIDES)] if c.startswith("make")])
def test_make_targets_exist(line: str) -> None:
    for target in line.split("#")[0].split()[1:]:
        done = subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_every_other_command_is_ours() -> None:
    known = ("make", "lean-agent", "echo")
    strange = [line for line in TOLD if not line.startswith(known)]
    assert not strange


def test_every_command_of_the_program_is_documented() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for group, names in {
        "": ("ask", "resume", "chat", "demo", "doctor"),
        "index ": ("build", "search", "push", "info"),
        "models ": ("list", "pull", "probe", "rm"),
        "ledger ": ("summary", "runs", "show", "tail", "sql", "export", "reprice", "compact"),
        "ledger budget ": ("show", "set"),
        "plan ": ("list", "solve", "bench", "learn"),
        "tools ": ("list",),
        "trajectory ": (
            "list",
            "show",
            "replay",
            "stats",
            "filter",
            "import",
            "export",
            "purge",
        ),
    }.items():
        for name in names:
            assert f"lean-agent {group}{name}" in pages


@pytest.fixture
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_engine: str) -> Path:
    """A folder to work in with the small model as default, and this checkout's own program."""
    monkeypatch.setenv("LEAN_AGENT_MODEL", f"local:{NAME}")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for word in ("examples", "README.md"):
        (tmp_path / word).symlink_to(ROOT / word)
    return tmp_path


def index_examples(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep indexes apart from the user's, and have the one that the docs speak of."""
    found = weights.find(NAME)
    assert found is not None
    monkeypatch.setenv("LEAN_AGENT_WEIGHTS_DIR", str(found.parent))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    asyncio.run(push_examples(folder))


async def push_examples(folder: Path) -> None:
    """Into Qdrant's local mode, too: the docs search there what they have put there before."""
    built = await build_index(folder / "examples" / "corpus")
    await push_index(Index.open(built.folder), str(folder / "qdrant"))


needs_model = pytest.mark.skipif(
    weights.find(NAME) is None, reason=f"lean-agent models pull {NAME}"
)


@pytest.mark.real_model
@pytest.mark.slow
@needs_model
@pytest.mark.parametrize("line", [c for c in TOLD if "lean-agent" in c and "make" not in c])
def test_command_runs(line: str, settled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    if EMBEDDER in line and weights.find(EMBEDDER) is None:
        pytest.skip(f"lean-agent models pull {EMBEDDER}")
    if " index " in line:
        index_examples(settled, monkeypatch)
    done = subprocess.run(
        [bash, "-o", "pipefail", "-c", line],
        cwd=settled,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode in {0, 3}, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.real_model
@pytest.mark.slow
@needs_model
@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda fence: fence.name)
def test_snippet_runs(snippet: Fence, settled: Path) -> None:
    script = settled / "snippet.py"
    script.write_text(textwrap.dedent(snippet.text))
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=settled,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
