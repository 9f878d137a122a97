from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent.retrieval.corpus import Corpus, load_corpus


def read(folder: Path, name: str, content: str | bytes) -> Corpus:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_corpus(folder)


def documents(corpus: Corpus) -> list[tuple[str, str]]:
    return [(passage.title, passage.text) for passage in corpus.passages]


def skipped(corpus: Corpus) -> dict[str, str]:
    return {entry.path: entry.reason for entry in corpus.skipped}


def test_files_are_read_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/y/x.txt", "c.txt"):
        corpus = read(tmp_path, name, f"text of {name}")
    assert [(p.id, p.source, p.title) for p in corpus.passages] == [
        ("a/y/x.txt#1", "a/y/x.txt", "x"),
        ("a/z.txt#1", "a/z.txt", "z"),
        ("b.txt#1", "b.txt", "b"),
        ("c.txt#1", "c.txt", "c"),
    ]
    assert corpus.files == 4


def test_a_long_file_becomes_numbered_passages_of_one_title(tmp_path: Path) -> None:
    corpus = read(tmp_path, "long.md", "# Whales\n\n" + "A sentence about them. " * 100)
    assert [p.id for p in corpus.passages] == ["long.md#1", "long.md#2", "long.md#3"]
    assert {p.title for p in corpus.passages} == {"Whales"}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("plain.txt", "\ufeffJust text.\r\nMore.", [("plain", "Just text.\nMore.")]),
        ("README", "No ending.", [("README", "No ending.")]),
        ("script.py", "print(1)", [("script", "print(1)")]),
        ("m.md", "x\n\n# The *T* #\n\nBody", [("The *T*", "x\n\n# The *T* #\n\nBody")]),
        ("code.md", "```\n# no title\n```\n# Title", [("Title", "```\n# no title\n```\n# Title")]),
        ("none.md", "## Only a section", [("none", "## Only a section")]),
        (
            "t.csv",
            'title,text,year\nOne,"First, text",1\nTwo,Second,2\n\n',
            [("One", "First, text"), ("Two", "Second")],
        ),
        ("d.csv", "a;b\nx;3\ny;\n", [("d", "a: x\nb: 3"), ("d", "a: y")]),
        ("t.tsv", "name\tnote\nAda\tx, y\n", [("Ada", "name: Ada\nnote: x, y")]),
        ("u.csv", "id,text\n1,unquoted, with commas\n", [("u", "unquoted, with commas")]),
        (
            "l.jsonl",
            '{"title": "A", "text": "one"}\n\n{"contents": ["two", "three"]}\n"four"\n{"n": 5}\n',
            [("A", "one"), ("l", "two three"), ("l", "four"), ("l", "n: 5")],
        ),
        ("o.json", '{"name": "Ada", "born": 1815, "x": null}', [("Ada", "name: Ada\nborn: 1815")]),
        ("a.json", '[{"title": "A", "body": "one"}, "two"]', [("A", "one"), ("a", "two")]),
        (
            "s.json",
            '{"Paris": ["It is.", " A city."], "Rome": ["Old."]}',
            [("Paris", "It is. A city."), ("Rome", "Old.")],
        ),
        ("e.json", '[{}, [1, 2], null]', [("e", "[1, 2]")]),
        ("half.json", '{"title": "\\ud800", "text": "\\udfff!"}', [("?", "?!")]),
    ],
)  # fmt: skip
def test_each_kind_of_file(
    tmp_path: Path, name: str, content: str, expected: list[tuple[str, str]]
) -> None:
    assert documents(read(tmp_path, name, content)) == expected


def test_html_becomes_the_text_a_reader_sees(tmp_path: Path) -> None:
    page = """<!doctype html><html><head><title> A  page </title><style>p {color: red}</style>
    <script>var x = "<p>no</p>";</script></head><body><h1>Heading</h1>
    <p>One &amp; <b>two</b>
    lines.</p><ul><li>First<li>Second</ul>
    <table><tr><td>a</td><td>b</td></tr></table>line<br>break
    <noscript>no</noscript><!-- no --></body></html>"""
    assert documents(read(tmp_path, "page.html", page)) == [
        (
            "A page",
            "Heading\n\nOne & two lines.\n\nFirst\n\nSecond\n\na b\n\nline\nbreak",
        )
    ]


def test_html_without_the_tags_it_may_leave_out(tmp_path: Path) -> None:
    page = "<title>T</title><h1>Head<p>Text <script>no"
    title, text = documents(read(tmp_path, "page.htm", page))[0]
    assert title == "T"
    assert text == "Head\n\nText"
    assert documents(read(tmp_path, "b.html", "<h1>Only <i>this</i></h1>x"))[0][0] == "Only this"


def test_what_is_left_out_is_listed_with_the_reason(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    root = tmp_path / "root"
    read(root, "good.txt", "fine")
    read(root, ".hidden/inner.txt", "x")
    read(root, ".env", "KEY=1")
    read(root, "image.png", b"\x89PNG\0\0")
    read(root, "latin.txt", "café".encode("latin-1"))
    read(root, "broken.json", "{")
    read(root, "broken.jsonl", '{"text": "kept?"}\n{oops}\n')
    read(root, "empty.txt", "")
    with (root / "huge.txt").open("wb") as file:
        file.truncate(20 * 1024 * 1024 + 1)
    (root / "out").symlink_to(outside)
    (root / "outfolder").symlink_to(tmp_path)
    (root / "loop").symlink_to(root / "loop")
    (root / "gone").symlink_to(root / "nowhere")
    (root / "in.txt").symlink_to(root / "good.txt")
    (root / "again").symlink_to(root)
    os.mkfifo(root / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(root / "socket"))
    listening.close()
    corpus = load_corpus(root)
    assert {p.source for p in corpus.passages} == {"good.txt", "in.txt"}
    assert "secret" not in str(corpus)
    reasons = skipped(corpus)
    assert reasons.pop("broken.json").startswith("not JSON: ")
    assert reasons.pop("broken.jsonl").startswith("line 2: not JSON: ")
    assert "link" in reasons.pop("loop")
    assert reasons == {
        ".env": "hidden",
        ".hidden": "hidden",
        "again": "a link to a folder",
        "gone": "No such file or directory",
        "huge.txt": "larger than 20 MB",
        "image.png": "binary",
        "latin.txt": "not UTF-8 text",
        "out": "a link out of the folder",
        "outfolder": "a link to a folder",
        "pipe": "not a regular file",
        "socket": "not a regular file",
    }
    assert list(skipped(corpus)) == sorted(skipped(corpus))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_without_permission_are_left_out(tmp_path: Path) -> None:
    read(tmp_path, "good.txt", "fine")
    read(tmp_path, "closed.txt", "x")
    (tmp_path / "closed.txt").chmod(0)
    read(tmp_path, "folder/x.txt", "x")
    (tmp_path / "folder").chmod(0)
    try:
        assert skipped(load_corpus(tmp_path)) == {
            "closed.txt": "Permission denied",
            "folder": "Permission denied",
        }
    finally:
        (tmp_path / "folder").chmod(0o700)


def test_names_that_are_no_text_can_still_be_written(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    except OSError:
        pytest.skip("this file system takes no such names")
    corpus = load_corpus(tmp_path)
    assert corpus.passages[0].source == "caf?.txt"
    corpus.passages[0].title.encode()


def test_a_link_to_the_folder_itself_is_followed(tmp_path: Path) -> None:
    read(tmp_path / "real", "a.txt", "x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert load_corpus(tmp_path / "link").passages[0].source == "a.txt"


def test_what_is_no_corpus_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("x")
    empty = tmp_path / "empty"
    empty.mkdir()
    images = tmp_path / "images"
    read(tmp_path / "images", "ok.txt", "x")
    (images / "ok.txt").unlink()
    (images / ".git").mkdir()
    (images / "a.png").write_bytes(b"\0")
    for folder, message in (
        (tmp_path / "missing", "no such folder: "),
        (file, "not a folder: "),
        (empty, "no readable documents in "),
        (images, "a.png is left out (binary)"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            load_corpus(folder)
        assert message in caught.value.message
        assert "\n" not in caught.value.message
        assert caught.value.hint


def test_a_pipe_does_not_hang_the_reading(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(ConfigurationError, match="not a regular file"):
        load_corpus(tmp_path)


def test_broken_html_gives_what_text_there_is(tmp_path: Path) -> None:
    page = "<p" + "<" * 2_000 + "&#x110000; </p> </div></b> <p>tail"
    assert "tail" in documents(read(tmp_path, "x.html", page))[0][1]
