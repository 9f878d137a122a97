"""MiniLM in the embedded engine: what its vectors must be, and what they are compared with."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.models import bert_gguf, catalog, weights
from lean_agent.models.local import LocalModel
from lean_agent.models.local_embedder import LocalEmbedder
from lean_agent.models.registry import open_embedder

NAME = "all-minilm-l6-v2"
MODELS = Path(
    os.environ.get("LEAN_AGENT_TEST_MODELS", Path(__file__).parents[3] / "shared" / "models")
)
CAT = "A cat sleeps on the warm window sill."
KITTEN = "A kitten is napping on a sunny window ledge."
BOND = "The central bank raised its interest rate by a quarter point."

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.skipif(weights.find(NAME) is None, reason=f"lean-agent models pull {NAME}"),
    pytest.mark.usefixtures("shared_engine"),
]


@pytest.fixture
def reference() -> Path:
    """MiniLM as llama.cpp's own converter wrote it (see docs/data.md)."""
    path = MODELS / "all-minilm-l6-v2-f16.gguf"
    if not path.is_file():
        pytest.skip(f"no {path}: set LEAN_AGENT_TEST_MODELS")
    return path


@pytest.fixture
async def embedder() -> AsyncIterator[LocalEmbedder]:
    made = LocalEmbedder(NAME)
    yield made
    await made.aclose()


def pid_of(embedder: LocalEmbedder) -> int:
    session: Any = embedder._engine._session  # pyright: ignore[reportPrivateUsage]
    return session.handle.pid


async def vectors(embedder: LocalEmbedder, texts: list[str]) -> NDArray[np.float32]:
    return (await embedder.embed(texts)).vectors


async def test_likeness_of_meaning_is_likeness_of_vectors(embedder: LocalEmbedder) -> None:
    got = await embedder.embed([CAT, KITTEN, BOND])
    assert embedder.name == f"local:{NAME}"
    assert got.vectors.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(got.vectors, axis=1), 1, atol=1e-5)
    cat, kitten, bond = got.vectors
    assert cat @ kitten > 0.6 > 0.2 > cat @ bond
    # 9, 11 and 12 words or more, the two tokens that frame each text, and the full stops.
    assert 38 <= got.usage.input_tokens <= 50
    assert got.usage.cost is None


async def test_a_batch_gives_what_single_texts_give(embedder: LocalEmbedder) -> None:
    texts = [CAT, KITTEN, BOND, "", "short", "Ärger über Öl", *(f"Sentence {n}." for n in range(9))]
    together = await vectors(embedder, texts)
    alone = np.concatenate([await vectors(embedder, [text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-3)


async def test_a_long_text_counts_by_its_first_tokens(embedder: LocalEmbedder) -> None:
    start = "word " * 510
    whole, beginning, other = await vectors(
        embedder, [start + "bank interest " * 400, start, "bank interest " * 400]
    )
    assert whole @ beginning > 0.9999
    assert whole @ other < 0.9
    accents = await vectors(embedder, ["각ǖ" * 2_000, "x" * 100_000])
    assert accents.shape == (2, 384)


async def test_case_and_accents_make_no_difference(embedder: LocalEmbedder) -> None:
    plain, loud, accented = await vectors(
        embedder, ["cafe society", "CAFE Society", "café society"]
    )
    assert plain @ loud > 0.9999
    assert plain @ accented > 0.9999


async def test_an_engine_killed_in_the_middle_is_an_error_and_the_next_call_works(
    embedder: LocalEmbedder,
) -> None:
    await embedder.embed([CAT])
    first = pid_of(embedder)
    call = asyncio.create_task(embedder.embed([f"{KITTEN} {n}" * 20 for n in range(200)]))
    await asyncio.sleep(0.5)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(ModelError, match=f"the engine of {NAME} ended") as caught:
        await call
    assert caught.value.retryable
    assert (await vectors(embedder, [CAT])).shape == (1, 384)
    assert pid_of(embedder) != first


async def test_all_share_one_engine(embedder: LocalEmbedder) -> None:
    other = LocalEmbedder(NAME)
    await asyncio.gather(*(one.embed([CAT]) for one in (embedder, other, embedder)))
    assert pid_of(embedder) == pid_of(other)
    await other.aclose()


async def test_chat_settings_are_not_meant_for_it(
    embedder: LocalEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAN_AGENT_ENGINE_CONTEXT", "4096")
    monkeypatch.setenv("LEAN_AGENT_ENGINE_SLOTS", "1")
    assert (await vectors(embedder, [CAT])).shape == (1, 384)


async def test_a_cancelled_call_leaves_the_engine_usable(embedder: LocalEmbedder) -> None:
    await embedder.embed([CAT])
    call = asyncio.create_task(embedder.embed([f"{KITTEN} {n}" * 20 for n in range(200)]))
    await asyncio.sleep(0.3)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    async with asyncio.timeout(30):
        await embedder.embed([CAT])


def test_a_model_of_the_other_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is an embedder, not a chat model"):
        LocalModel(NAME)
    with pytest.raises(ConfigurationError, match="is a chat model, not an embedder"):
        open_embedder("local:qwen2.5-coder-0.5b")


def test_the_tensors_are_those_of_llama_cpps_converter(tmp_path: Path, reference: Path) -> None:
    reader: Any = pytest.importorskip("gguf").GGUFReader
    model, vocabulary = weights.found(NAME)
    written = tmp_path / "written.gguf"
    bert_gguf.write_gguf(model, vocabulary, written, catalog.get(NAME))
    ours, theirs = reader(written), reader(reference)
    expected = {tensor.name: tensor for tensor in theirs.tensors}
    assert {tensor.name for tensor in ours.tensors} == expected.keys()
    for tensor in ours.tensors:
        other = expected[tensor.name]
        assert tensor.tensor_type == other.tensor_type, tensor.name
        np.testing.assert_array_equal(tensor.data, other.data, err_msg=tensor.name)
    told = {key: field.contents() for key, field in theirs.fields.items()}
    # What the model is called, and counts of what is in the file.
    for key, field in ours.fields.items():
        if key not in {"general.name", "GGUF.kv_count"}:
            assert field.contents() == told[key], key
    again = tmp_path / "again.gguf"
    bert_gguf.write_gguf(model, vocabulary, again, catalog.get(NAME))
    assert again.read_bytes() == written.read_bytes()


@pytest.mark.slow
async def test_the_vectors_are_those_of_the_reference(
    embedder: LocalEmbedder, reference: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    texts = [CAT, KITTEN, BOND, "", "Ärger über 42 Öl-Fässer!", "word " * 600]
    ours = await vectors(embedder, texts)
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))

    def theirs(_name: str) -> Path:
        return reference

    monkeypatch.setattr(bert_gguf, "converted", theirs)
    other = LocalEmbedder(NAME)
    try:
        expected = await vectors(other, texts)
    finally:
        await other.aclose()
    assert ((ours * expected).sum(axis=1) >= 0.999).all()
