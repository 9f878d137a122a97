from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from lean_agent import RunContext, ToolError
from lean_agent_tools.list_files import list_files
from lean_agent_tools.read_file import read_file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a secret beside it and links that lead there."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "rootmore").mkdir()
    (tmp_path / "rootmore" / "secret.txt").write_text("secret")
    root = tmp_path / "root"
    (root / "docs" / "deep").mkdir(parents=True)
    (root / "readme.md").write_text("# Readme\nLine two\n")
    (root / "docs" / "guide.txt").write_text("guide")
    (root / ".env").write_text("KEY=1")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "outdir").symlink_to(tmp_path)
    (root / "in.txt").symlink_to(root / "readme.md")
    (root / "loop").symlink_to(root / "loop")
    return root


async def read(root: Path | list[Path], path: str, **more: Any) -> str:
    roots = tuple(root) if isinstance(root, list) else (root,)
    return await read_file.call({"path": path, **more}, RunContext(roots=roots))


async def listing(root: Path | list[Path], path: str | None = None) -> str:
    roots = tuple(root) if isinstance(root, list) else (root,)
    return await list_files.call({"path": path} if path else {}, RunContext(roots=roots))


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "docs/../../secret.txt",
        "docs/../../rootmore/secret.txt",
        "/etc/passwd",
        "/etc/no-such-file",
        "out.txt",
        "outdir/secret.txt",
        "outdir/root/../secret.txt",
        "/proc/self/environ",
        "/dev/zero",
        "..",
        "/",
        "loop/x",
        "a\0b",
        "x" * 5_000,
        "../" * 1_000 + "etc/passwd",
    ],
)
async def test_nothing_outside_can_be_read_or_listed(root: Path, path: str) -> None:
    for attempt in (read(root, path), listing(root, path)):
        with pytest.raises(ToolError) as caught:
            await attempt
        assert "is outside of what is open: root/" in caught.value.message or (
            "there is no" in caught.value.message
        )
        assert "secret" not in caught.value.message.replace(path, "")
        assert len(caught.value.message) < 500


@pytest.mark.parametrize(
    ("kind", "told"), [("link", "cannot be read"), ("pipe", "is a device or pipe")]
)
async def test_what_takes_a_files_place_a_moment_before_is_not_read(
    kind: str, told: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens = os.open

    def swapped(path: Any, *arguments: Any, **more: Any) -> int:
        if Path(path).name == "readme.md":
            (root / "readme.md").unlink()
            if kind == "link":
                (root / "readme.md").symlink_to(root.parent / "secret.txt")
            else:
                os.mkfifo(root / "readme.md")
        return opens(path, *arguments, **more)

    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises(ToolError, match=told):
        await read(root, "readme.md")


async def test_outside_looks_the_same_whether_it_exists_or_not(root: Path) -> None:
    messages: list[str] = []
    for path in ("../secret.txt", "../nosuch.txt"):
        with pytest.raises(ToolError) as caught:
            await read(root, path)
        messages.append(caught.value.message.replace(path, "PATH"))
    assert messages[0] == messages[1]


async def test_without_roots_nothing_is_open() -> None:
    for tool, arguments in ((read_file, {"path": "x"}), (list_files, {})):
        with pytest.raises(ToolError, match="no folder is open"):
            await tool.call(arguments, RunContext())


@pytest.mark.parametrize(
    "path",
    ["readme.md", "./readme.md", "docs/../readme.md", " readme.md ", "in.txt", "root/readme.md"],
)
async def test_files_inside_are_read(root: Path, path: str) -> None:
    assert await read(root, path) == "# Readme\nLine two"


async def test_absolute_paths_inside_are_read(root: Path) -> None:
    assert await read(root, str(root / "docs" / "guide.txt")) == "guide"


async def test_hidden_files_are_not_listed(root: Path) -> None:
    assert await listing(root) == "docs/\nin.txt (18 B)\nreadme.md (18 B)\n(4 hidden)"


async def test_folders_are_listed_with_paths_that_can_be_read(root: Path) -> None:
    assert await listing(root, "docs") == "docs/deep/\ndocs/guide.txt (5 B)"
    assert await listing(root, "docs/deep") == "(empty)"
    assert await listing(root, "readme.md") == "readme.md (18 B)"
    assert await listing(root, str(root)) == await listing(root)


async def test_a_missing_file_is_told_with_names_like_it(root: Path) -> None:
    with pytest.raises(ToolError, match=r"^there is no docs/guide\.md; there is docs/guide\.txt$"):
        await read(root, "docs/guide.md")
    with pytest.raises(ToolError, match=r"^there is no zzz; there is docs/, in\.txt"):
        await read(root, "zzz")
    with pytest.raises(ToolError, match=r"^there is no docs/deep/x; the folder is empty$"):
        await read(root, "docs/deep/x")
    with pytest.raises(ToolError, match="list_files shows"):
        await read(root, "nowhere/x")


async def test_a_folder_is_not_read(root: Path) -> None:
    with pytest.raises(ToolError, match="docs is a folder: call list_files"):
        await read(root, "docs")


async def test_several_roots(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "readme.md").write_text("the other")
    (other / "only.md").write_text("only here")
    roots = [root, other]
    assert await read(roots, "readme.md") == "# Readme\nLine two"
    assert await read(roots, "other/readme.md") == "the other"
    assert await read(roots, "only.md") == "only here"
    listed = await listing(roots)
    assert listed.startswith("In root:\ndocs/\n")
    assert listed.endswith("In other:\nonly.md (9 B)\nreadme.md (9 B)")
    with pytest.raises(ToolError, match="outside of what is open: root/, other/"):
        await read(roots, str(tmp_path / "secret.txt"))


async def test_a_root_may_be_one_file(root: Path) -> None:
    file = root / "readme.md"
    assert await read(file, "readme.md") == await read(file, str(file)) == "# Readme\nLine two"
    assert await listing(file) == "readme.md (18 B)"
    assert await read(file, ".") == "# Readme\nLine two"
    for path in ("docs/guide.txt", "..", str(root), str(root / "docs/guide.txt")):
        with pytest.raises(ToolError, match=r"outside of what is open: readme\.md$"):
            await read(file, path)


async def test_a_root_given_through_a_link(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    assert await read(link, "readme.md") == "# Readme\nLine two"
    assert await read(link, str(link / "readme.md")) == "# Readme\nLine two"


async def test_pipes_and_devices_do_not_hang(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "sock"))
    with pytest.raises(ToolError, match="sock is a device or pipe"):
        await read(root, "sock")
    os.mkfifo(root / "pipe")
    with pytest.raises(ToolError, match="pipe is a device or pipe"):
        await read(root, "pipe")
    assert "pipe (0 B)" in await listing(root)
    with pytest.raises(ToolError, match="a device or pipe"):
        await read(Path("/dev"), "null")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0", "a.png is no text file: image/png, 10 B"),
        ("b.zip", bytes(range(1, 256)) * 20, "b.zip is no text file: application/zip, 5.1 kB"),
        ("c", b"\0" * 2_000_000, "c is no text file: binary data, 2.0 MB"),
    ],
)  # fmt: skip
async def test_binary_files_are_refused_with_kind_and_size(
    root: Path, name: str, content: bytes, message: str
) -> None:
    (root / name).write_bytes(content)
    with pytest.raises(ToolError) as caught:
        await read(root, name)
    assert caught.value.message == message


async def test_text_in_an_older_encoding_is_shown(root: Path) -> None:
    (root / "latin.txt").write_bytes("un café\r\nici".encode("latin-1"))
    assert await read(root, "latin.txt") == "un caf\ufffd\nici"


async def test_a_character_across_the_border_of_the_first_block(root: Path) -> None:
    (root / "long.txt").write_text("x" * 8_191 + "é\nnext", encoding="utf-8")
    assert "next" in await read(root, "long.txt", start_line=2)


async def test_small_cases(root: Path) -> None:
    (root / "empty.txt").write_text("")
    (root / "bom.txt").write_text("\ufeffhello", encoding="utf-8")
    (root / "blank.txt").write_text("\n\nx\n")
    assert await read(root, "empty.txt") == "(the file is empty)"
    assert await read(root, "bom.txt") == "hello"
    assert await read(root, "blank.txt") == "\n\nx"
    assert await read(root, "readme.md", start_line=2) == "Line two"
    with pytest.raises(ToolError, match="the file has only 2 lines"):
        await read(root, "readme.md", start_line=3)
    with pytest.raises(ToolError, match="counts from 1"):
        await read(root, "readme.md", start_line=0)


async def test_a_long_file_is_read_to_its_end_by_following_the_notes(root: Path) -> None:
    lines = [f"line {n} " + "x" * (n % 300) for n in range(1, 400)]
    (root / "long.txt").write_text("\n".join(lines))
    start, collected = 1, list[str]()
    while start:
        text = await read(root, "long.txt", start_line=start)
        assert len(text) <= read_file.spec.max_output_chars
        *shown, last = text.split("\n")
        following = last.startswith("[more: continue with start_line=")
        collected += shown if following else [*shown, last]
        start = int(last.rpartition("=")[2].rstrip("]")) if following else 0
    assert collected == lines


async def test_a_line_longer_than_the_answer_is_cut_and_passed(root: Path) -> None:
    (root / "wide.txt").write_text("y" * 300_000 + "\nshort\n" + "z" * 4_000)
    text = await read(root, "wide.txt")
    assert text.startswith("yyy")
    assert text.endswith("[line 1 is longer]\n[more: continue with start_line=2]")
    assert len(text) <= read_file.spec.max_output_chars
    rest = await read(root, "wide.txt", start_line=2)
    assert rest == "short\n[more: continue with start_line=3]"


async def test_a_long_listing_is_cut(root: Path) -> None:
    many = root / "many"
    many.mkdir()
    for n in range(300):
        (many / f"file-{n:04d}.txt").touch()
    text = await listing(root, "many")
    assert len(text) <= list_files.spec.max_output_chars
    shown = text.count("file-")
    assert text.endswith(f"... and {300 - shown} more")


async def test_names_that_are_no_text_can_be_shown(root: Path) -> None:
    try:
        (root / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    except OSError:
        pytest.skip("this file system takes no such names")
    assert "caf?.txt (1 B)" in await listing(root)
    with pytest.raises(ToolError) as caught:
        await read(root, "caf.txt")
    caught.value.message.encode()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_files_without_permission(root: Path) -> None:
    (root / "readme.md").chmod(0)
    with pytest.raises(ToolError, match="Permission denied"):
        await read(root, "readme.md")


async def foreseen(root: Path, task: str) -> list[Any]:
    return list(await read_file.foreseen(task, RunContext(roots=(root,))))


@pytest.mark.parametrize(
    "task",
    [
        "What is in readme.md?",
        "Sum up `readme.md`.",
        "Attached file: readme.md. How long is it?",
        "(see root/readme.md, please)",
        "in.txt leads to readme.md",
        "Does ./readme.md say 3.14, e.g. for U.S. readers?",
        "path=“readme.md”|x",
    ],
)
async def test_a_small_text_that_a_task_names_is_sure_to_be_read(root: Path, task: str) -> None:
    assert await foreseen(root, task) == [{"path": "readme.md"}]


@pytest.mark.parametrize(
    "task",
    [
        "What is a readme?",
        "Is secret.txt, ../secret.txt or out.txt there?",
        "large.txt",
        "empty.txt",
        "pipe.txt",
        "picture.png",
        "docs.",
        "x." * 100_000,
        "a\0b.txt",
    ],
)
async def test_nothing_else_is(root: Path, task: str) -> None:
    (root / "large.txt").write_text("x" * 3_601)
    (root / "empty.txt").touch()
    (root / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    os.mkfifo(root / "pipe.txt")
    assert await foreseen(root, task) == []


async def test_a_file_that_is_open_by_itself_is_sure_to_be_read(root: Path) -> None:
    alone = RunContext(roots=(root / "readme.md", root / "docs"))
    assert await read_file.foreseen("How long is it?", alone) == [{"path": "readme.md"}]
    assert await read_file.call({"path": "readme.md"}, alone) == "# Readme\nLine two"


async def test_of_two_files_of_one_name_the_one_that_would_be_read_is_foreseen(root: Path) -> None:
    (root / "docs" / "readme.md").write_text("other")
    for roots in ((root, root / "docs"), (root, root / "docs" / "readme.md")):
        ctx = RunContext(roots=roots)
        calls = await read_file.foreseen("What is in readme.md, and in docs/readme.md?", ctx)
        shown = {await read_file.call(call, ctx) for call in calls}
        assert shown == {"# Readme\nLine two", "other"}
        assert (
            await read_file.foreseen("What does .env.local hold?", RunContext(roots=(root,))) == []
        )


async def test_names_are_looked_for_in_a_long_task_in_time_that_grows_with_it(root: Path) -> None:
    names = " ".join(f"file{n}.txt" for n in range(100_000))
    assert await foreseen(root, f"{names} readme.md") == [], "of so many it is none for certain"
    assert await foreseen(root, f"{'a b ' * 200_000} readme.md") == [{"path": "readme.md"}]
