"""A BERT encoder's published files as the one file that the embedded engine loads.

The names, types and keys are those that llama.cpp's own converter writes for the architecture
``bert``; the tensors are bit for bit the same as its F16 file's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lean_agent.errors import ConfigurationError
from lean_agent.models import catalog, weights

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["converted", "write_gguf"]

# The two numbers of the publisher's config.json that the shapes of the tensors do not tell.
_HEAD_DIMENSIONS = 32
_LAYER_NORM_EPS = 1e-12
_MOSTLY_F16 = 1

_EMBEDDINGS = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_IN_F32 = {"position_embd.weight", "token_types.weight"}
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_NORMAL, _CONTROL = 1, 3


def converted(name: str) -> Path:
    """The GGUF of these weights in the cache, written now if it is not there. Blocks.

    The originals are checked against the publisher's SHA-256 before they are read.

    Raises:
        ConfigurationError: missing or broken weights, or the writer is not installed.
    """
    target = weights.cache_folder(name) / f"{name}-f16.gguf"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with weights.lock(name):
        if not target.is_file():  # somebody else may have written it meanwhile
            weights.verify(name)
            model, vocabulary = weights.found(name)
            part = target.with_name(target.name + ".part")
            write_gguf(model, vocabulary, part, catalog.get(name))
            part.replace(target)
    return target


def write_gguf(model: Path, vocabulary: Path, target: Path, about: catalog.Weights) -> None:
    """Write the safetensors and WordPiece vocabulary of an encoder with mean pooling as GGUF.

    Matrices are stored in 16 bits but those of positions and token types; the same input gives
    the same bytes.

    Raises:
        ConfigurationError: gguf or safetensors is not installed.
    """
    try:
        import gguf
        import numpy as np
        from safetensors.numpy import (
            load_file,  # pyright: ignore[reportUnknownVariableType] - untyped array library
        )
    except ImportError as error:
        raise ConfigurationError(
            f"{about.name} cannot be prepared for the engine: {error.name} is not installed",
            hint="install lean-agent[local]",
        ) from error
    loaded: dict[str, Any] = load_file(model)
    tensors = {new: loaded[old] for old in sorted(loaded) if (new := _engine_name(old)) is not None}
    writer: Any = gguf.GGUFWriter(target, "bert")
    writer.add_name(about.publisher_repo.rpartition("/")[2])
    _add_shape(writer, {name: tensor.shape for name, tensor in tensors.items()}, about)
    writer.add_file_type(_MOSTLY_F16)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    _add_vocabulary(writer, vocabulary.read_text(encoding="utf-8").rstrip("\n").split("\n"))
    for name, tensor in tensors.items():
        half = tensor.ndim == 2 and name not in _IN_F32
        writer.add_tensor(name, tensor.astype(np.float16 if half else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _engine_name(name: str) -> str | None:
    """llama.cpp's name of a tensor; None for what an embedding does not need."""
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    if not name.startswith("encoder.layer."):
        return None
    _, _, layer, rest = name.split(".", 3)
    module, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{_LAYER[module]}.{kind}"


def _add_shape(writer: Any, shapes: Mapping[str, tuple[int, ...]], about: catalog.Weights) -> None:
    dimensions = shapes["token_embd.weight"][1]
    writer.add_block_count(sum(name.endswith(".attn_q.weight") for name in shapes))
    writer.add_context_length(about.context_tokens)
    writer.add_embedding_length(dimensions)
    writer.add_feed_forward_length(shapes["blk.0.ffn_up.weight"][0])
    writer.add_head_count(dimensions // _HEAD_DIMENSIONS)
    writer.add_layer_norm_eps(_LAYER_NORM_EPS)
    writer.add_token_type_count(shapes["token_types.weight"][0])


def _add_vocabulary(writer: Any, words: list[str]) -> None:
    writer.add_tokenizer_model("bert")
    # The pre-tokenizer under which llama.cpp knows plain BERT.
    writer.add_tokenizer_pre("jina-v2-en")
    writer.add_token_list([_engine_token(word) for word in words])
    writer.add_token_types([_CONTROL if word in _SPECIAL else _NORMAL for word in words])
    pad, unknown, start, end, mask = map(words.index, _SPECIAL)
    writer.add_bos_token_id(start)
    writer.add_eos_token_id(end)
    writer.add_unk_token_id(unknown)
    writer.add_sep_token_id(end)
    writer.add_pad_token_id(pad)
    writer.add_mask_token_id(mask)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(True)
    writer.add_bool("tokenizer.ggml.normalizer.lowercase", True)


def _engine_token(word: str) -> str:
    """WordPiece marks what goes on within a word, llama.cpp what begins one."""
    if word in _SPECIAL:
        return word
    return word[2:] if word.startswith("##") else f"\N{LOWER ONE EIGHTH BLOCK}{word}"
