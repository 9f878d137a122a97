"""write_file and edit_file: what they change, and that they change nothing else."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

import pytest

from lean_agent import Preview, RunContext, ToolError
from lean_agent_tools.edit_file import edit_file
from lean_agent_tools.write_file import write_file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a secret beside it and links that lead there."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "beside").mkdir()
    root = tmp_path / "root"
    (root / "docs").mkdir(parents=True)
    (root / "a.txt").write_text("one\ntwo\nthree\n")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "outdir").symlink_to(tmp_path / "beside")
    (root / "in.txt").symlink_to(root / "a.txt")
    (root / ".git").mkdir()
    os.mkfifo(root / "pipe")
    return root


async def write(root: Path | list[Path], path: str, content: str) -> str:
    roots = tuple(root) if isinstance(root, list) else (root,)
    return await write_file.call({"path": path, "content": content}, RunContext(roots=roots))


async def edit(root: Path, old: str, new: str, path: str = "a.txt") -> str:
    return await edit_file.call({"path": path, "old": old, "new": new}, RunContext(roots=(root,)))


async def preview(tool: Any, root: Path | list[Path], **arguments: str) -> Preview:
    roots = tuple(root) if isinstance(root, list) else (root,)
    found = await tool.preview(arguments, RunContext(roots=roots))
    assert isinstance(found, Preview)
    return found


def left_over(root: Path) -> list[str]:
    return [path.name for path in root.rglob("*.part")]


async def test_a_new_file_is_written_with_the_folders_that_it_needs(root: Path) -> None:
    assert await write(root, "docs/deep/er/n.md", "é\n") == "wrote docs/deep/er/n.md: 3 B"
    assert (root / "docs/deep/er/n.md").read_bytes() == "é\n".encode()
    assert "holds this already" in await write(root, "docs/deep/er/n.md", "é\n")
    assert left_over(root) == []


async def test_an_old_one_keeps_its_permissions_and_its_links(root: Path) -> None:
    (root / "a.txt").chmod(0o640)
    await write(root, "in.txt", "new")
    assert (root / "in.txt").is_symlink()
    assert (root / "a.txt").read_text() == "new"
    assert (root / "a.txt").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "docs/../../secret.txt",
        "out.txt",
        "outdir/new.txt",
        "/etc/passwd",
        "..",
        ".",
        "docs",
        "pipe",
        ".env",
        ".git/hooks/pre-commit",
        "docs/../.git/config",
        "a.txt/b",
        "a\0b",
        "x" * 300,
        "y" * 5_000,
    ],
)
async def test_nothing_else_is_written(path: str, root: Path) -> None:
    before = sorted(p for p in root.parent.rglob("*"))
    for call in (write(root, path, "mine"), preview(write_file, root, path=path, content="mine")):
        with pytest.raises(ToolError):
            await call
    with pytest.raises(ToolError):
        await edit(root, "secret", "mine", path)
    assert sorted(p for p in root.parent.rglob("*")) == before
    assert (root.parent / "secret.txt").read_text() == "secret"


async def test_a_file_that_was_opened_alone_opens_nothing_beside_it(root: Path) -> None:
    await write(root / "a.txt", "a.txt", "new")
    assert (root / "a.txt").read_text() == "new"
    with pytest.raises(ToolError, match="outside of what is open"):
        await write(root / "a.txt", "b.txt", "new")


async def test_a_folder_swapped_for_a_link_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lean_agent_tools import _writing

    opens = os.open

    def swapped(path: Any, *arguments: Any, **more: Any) -> int:
        if path == "docs":
            (root / "docs").rmdir()
            (root / "docs").symlink_to(root.parent / "beside")
        return opens(path, *arguments, **more)

    monkeypatch.setattr(_writing.os, "open", swapped)
    with pytest.raises(ToolError, match="cannot be written"):
        await write(root, "docs/n.md", "x")
    assert list((root.parent / "beside").iterdir()) == []


async def test_a_disk_that_refuses_leaves_the_file_as_it_was(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ToolError, match="No space left"):
        await write(root, "a.txt", "new")
    assert (root / "a.txt").read_text() == "one\ntwo\nthree\n"
    assert left_over(root) == []


async def test_what_is_no_text_is_not_replaced_or_written(root: Path) -> None:
    (root / "b.bin").write_bytes(b"\xff\xfe\x00")
    (root / "big.txt").write_text("x" * 1_000_001)
    for path, content in (
        ("b.bin", "x"),
        ("big.txt", "x"),
        ("n.txt", "\ud800"),
        ("n.txt", "x" * 1_000_001),
    ):
        with pytest.raises(ToolError):
            await write(root, path, content)
    assert not (root / "n.txt").exists()


async def test_the_preview_is_a_diff_about_the_path(root: Path) -> None:
    found = await preview(edit_file, root, path="in.txt", old="two", new="2")
    assert found.subject == "a.txt"
    assert found.text.splitlines() == [
        "--- a.txt",
        "+++ a.txt",
        "@@ -1,4 +1,4 @@",
        " one",
        "-two",
        "+2",
        " three",
        " ",
    ]
    assert (root / "a.txt").read_text() == "one\ntwo\nthree\n"
    fresh = await preview(write_file, root, path="docs/n.md", content="x")
    assert fresh.text.splitlines()[0] == "--- /dev/null"
    several = await preview(write_file, [root, root / "docs"], path="n.md", content="x")
    assert several.subject == str(root / "n.md")


async def test_a_long_text_is_shown_whole_without_comparing(root: Path) -> None:
    (root / "long.txt").write_text("a\n" * 3_000)
    found = await preview(write_file, root, path="long.txt", content="b\n" * 5_000)
    lines = found.text.splitlines()
    assert lines[:3] == ["--- long.txt", "+++ long.txt", "@@ -1,3000 +1,5000 @@"]
    assert lines[3:] == ["-a"] * 3_000 + ["+b"] * 5_000


async def test_of_a_long_file_what_changes_is_shown(root: Path) -> None:
    before = [f"line {number}" for number in range(1, 5_001)]
    after = [*before[:2_999], "evil", *before[3_000:3_009], "more", *before[3_009:]]
    (root / "long.txt").write_text("\n".join(before))
    found = await preview(write_file, root, path="long.txt", content="\n".join(after))
    whole = difflib.unified_diff(before, after, "long.txt", "long.txt", lineterm="")
    assert found.text.splitlines() == list(whole)
    assert "@@ -2997,7 +2997,7 @@" in found.text
    assert found.text.count("\n") < 30
    alike = await preview(write_file, root, path="long.txt", content="\n".join(before))
    assert alike.text == "long.txt stays as it is"
    empty = await preview(write_file, root, path="new.txt", content="")
    assert empty.text.splitlines() == ["--- /dev/null", "+++ new.txt"]


async def test_a_name_cannot_pass_for_lines_of_the_diff(root: Path) -> None:
    found = await preview(write_file, root, path="a\n+fine", content="x")
    assert "+fine" not in found.text.splitlines()


async def test_the_old_text_must_stand_there_just_once(root: Path) -> None:
    assert await edit(root, "two\n", "2\n") == "changed a.txt"
    assert (root / "a.txt").read_text() == "one\n2\nthree\n"
    for old, problem in (("four", "does not stand"), ("", "does not stand"), ("e", "3 times")):
        with pytest.raises(ToolError, match=problem):
            await edit(root, old, "x")
    with pytest.raises(ToolError, match=r"there is no b\.txt"):
        await edit(root, "x", "y", "b.txt")


async def test_line_endings_stay(root: Path) -> None:
    (root / "w.txt").write_bytes(b"one\r\ntwo\r\n")
    await edit(root, "one\ntwo", "1\n2", "w.txt")
    assert (root / "w.txt").read_bytes() == b"1\r\n2\r\n"
