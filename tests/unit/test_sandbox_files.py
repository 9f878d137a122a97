"""Sandboxed code reads what was opened for it, changes nothing and gets at nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lean_agent import _sandbox_files as files
from lean_agent.sandbox import SandboxResult, run_python

SECRET = "7f3a-secret"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with secrets around it and links that lead to them."""
    root = tmp_path / "mine"
    (root / "deep").mkdir(parents=True)
    for secret in (tmp_path / "secret.txt", tmp_path / "mine-too" / "secret.txt"):
        secret.parent.mkdir(exist_ok=True)
        secret.write_text(SECRET)
    (root / "a.csv").write_text("n\n1\n2\n")
    (root / "deep" / "b.json").write_text('{"n": [3, 4]}')
    (root / "in.csv").symlink_to("a.csv")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "up.txt").symlink_to("../secret.txt")
    (root / "outdir").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    return root


async def run(code: str, *readable: Path) -> SandboxResult:
    return await run_python(code, readable=readable)


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("open('a.csv').read()", "n\n1\n2\n"),
        ("open('/mine/a.csv').read()", "n\n1\n2\n"),
        ("open('in.csv').read()", "n\n1\n2\n"),
        ("import csv\nlist(csv.DictReader(open('a.csv')))[1]", {"n": "2"}),
        ("import json\njson.load(open('deep/b.json'))['n']", [3, 4]),
        ("from pathlib import Path\nPath('deep/b.json').read_text()", '{"n": [3, 4]}'),
        ("sum(int(line) for line in open('a.csv') if line[0] != 'n')", 3),
    ],
)
async def test_a_folder_is_read(root: Path, code: str, value: object) -> None:
    assert await run(code, root) == SandboxResult(value=value)


@pytest.mark.parametrize(
    "path",
    [
        "out.txt",
        "up.txt",
        "outdir/secret.txt",
        "../secret.txt",
        "../mine-too/secret.txt",
        "deep/../../secret.txt",
        "/mine/../secret.txt",
        "{tmp}/secret.txt",
        "/etc/hostname",
        "/proc/self/environ",
        "pipe",
        "deep",
        "a\\0b",
    ],
)
async def test_nothing_else_is(root: Path, path: str) -> None:
    result = await run(f"open('{path.format(tmp=root.parent)}').read()", root)
    assert result.error is not None
    assert SECRET not in repr(result)


@pytest.mark.parametrize(
    "code",
    [
        "open('a.csv', 'w').write('x')",
        "open('a.csv', 'a').write('x')",
        "open('new.txt', 'w').write('x')",
        "open('out.txt', 'w').write('x')",
        "import os\nos.remove('a.csv')",
        "import os\nos.rename('a.csv', 'b.csv')",
        "import os\nos.mkdir('new')",
        "from pathlib import Path\nPath('a.csv').write_text('x')",
        "from pathlib import Path\nPath('a.csv').unlink()",
    ],
)
@pytest.mark.parametrize("alone", [False, True])
async def test_nothing_is_changed(root: Path, code: str, *, alone: bool) -> None:
    def state() -> list[Any]:
        everything = sorted(root.parent.rglob("*"))
        return [(path, path.read_bytes() if path.is_file() else b"") for path in everything]

    before = state()
    result = await run(code, root / "a.csv" if alone else root)
    assert result.error is not None
    assert state() == before


async def test_a_file_by_itself_is_read_and_its_neighbours_are_not(root: Path) -> None:
    for code in ("open('a.csv').read()", "open('/a.csv', 'rb').read().decode()"):
        assert await run(code, root / "a.csv") == SandboxResult(value="n\n1\n2\n")
    result = await run("import os\nos.listdir('/')", root / "a.csv")
    assert result.value == ["a.csv"]
    for path in ("in.csv", "../mine/a.csv", "deep/b.json", str(root / "a.csv")):
        assert (await run(f"open('{path}').read()", root / "a.csv")).error is not None


@pytest.mark.parametrize(
    ("readable", "path"),
    [
        (["mine", "mine-too"], "/mine-too/secret.txt"),
        (["mine", "mine/deep"], "deep/b.json"),
        (["mine/deep", "mine"], "deep/b.json"),
        (["mine", "mine"], "a.csv"),
        (["mine", "mine/a.csv"], "/a.csv"),
        (["mine/deep", "mine/a.csv"], "/a.csv"),
        (["mine", "gone", "mine-too"], "/mine-too/secret.txt"),
    ],
)
async def test_several_are_open_at_once(root: Path, readable: Sequence[str], path: str) -> None:
    result = await run(f"len(open('{path}').read())", *(root.parent / name for name in readable))
    assert result.error is None


async def test_two_folders_of_one_name_are_both_there(root: Path) -> None:
    other = root / "deep" / "x" / "mine-too"
    other.mkdir(parents=True)
    (other / "c.txt").write_text("other")
    (root.parent / "mine-too" / "c.txt").write_text("first")
    code = "open('/mine-too/c.txt').read() + open('/mine-too_/c.txt').read()"
    assert (await run(code, root.parent / "mine-too", other)).value == "firstother"


async def test_without_any_there_are_no_files(root: Path) -> None:
    assert (await run("open('a.csv').read()")).error is not None
    assert (await run("open('a.csv').read()", root / "gone")).error is not None


async def test_what_is_gone_when_it_is_to_be_opened_is_left_out(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def was_there(_: Path) -> bool:
        return True

    monkeypatch.setattr(Path, "is_dir", was_there)
    assert (await run("1 + 1", root / "a.csv", root / "gone", root)).value == 2


@pytest.mark.slow
@pytest.mark.parametrize("alone", [False, True])
async def test_files_are_no_way_around_the_limit_on_time(root: Path, *, alone: bool) -> None:
    (root / "big.txt").write_bytes(b"x" * 20_000_000)
    code = "from pathlib import Path\nwhile True:\n    Path('big.txt').read_bytes()"
    readable = root / "big.txt" if alone else root
    began = time.monotonic()
    result = await run_python(code, readable=[readable], seconds=0.5)
    assert result.error == "TimeoutError: it ran longer than 0.5 s"
    assert time.monotonic() - began < 10
    assert (await run("1 + 1", readable)).value == 2


async def test_a_folder_whose_name_is_no_text_is_left_out(root: Path) -> None:
    odd = root / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    assert (await run("1 + 1", odd)).value == 2


async def test_of_two_files_of_one_name_the_first_is_there(root: Path) -> None:
    (root / "deep" / "a.csv").write_text("other")
    assert (await run("open('a.csv').read()", root / "a.csv", root / "deep" / "a.csv")).value == (
        "n\n1\n2\n"
    )


async def test_errors_name_no_path_of_the_machine(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: Path, _flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files.os, "open", gone)
    result = await run("open('a.csv').read()", root / "a.csv")
    assert result.error == "PermissionError: a.csv cannot be read: Permission denied (line 1)"


async def test_what_becomes_something_else_or_too_large_is_an_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_MAX_BYTES", 3)
    result = await run("open('a.csv').read()", root / "a.csv")
    assert result.error is not None
    assert "a.csv is no file of 3 bytes or less" in result.error
    assert str(root) not in result.error
