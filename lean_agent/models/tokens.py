"""How many tokens a prompt has: bounds for reserving, estimates for what no server reported.

A bound is never too low. Byte-level tokenizers (GPT, Llama 3, Qwen, DeepSeek) cut text into pieces
of one byte or more, and SentencePiece with byte fallback (Llama 2, Gemma, Mistral) into pieces of
one character or of one byte, so a text has at most as many tokens as UTF-8 bytes. What a chat
template adds is bounded by constants above every template looked at; Qwen's, the longest but for
its tools, adds 28 tokens with no system message and about 110 with tools.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from lean_agent.messages import Message
from lean_agent.model import ModelRequest
from lean_agent.models.wire import tool_to_wire
from lean_agent.tool_spec import ToolSpec
from lean_agent.usage import Usage

__all__ = [
    "TokenCounter",
    "embedding_bound",
    "estimate_embedding_usage",
    "estimate_usage",
    "likely_tokens",
    "prompt_bound",
    "schema_bound",
    "utf8_length",
]

_PER_REQUEST = 96
_PER_MESSAGE = 16
_PER_TOOL_CALL = 48
_WITH_TOOLS = 256
_PER_TOOL = 48

# An estimate should not flatter the bill: English has 4 to 4.5 bytes a token, code and JSON
# about 3, Chinese 3 to 4.
_BYTES_PER_TOKEN = 3
_TEMPLATE_BYTES = 90
_TOOL_TEMPLATE_BYTES = 300
_MESSAGE_BYTES = 12
_IMAGE_TOKENS = 1_000  # a picture of a megapixel has 765 at OpenAI, 1,400 at Anthropic

# Encodings that tiktoken would otherwise fetch from the network, with the SHA-256 it checks.
_BLOBS = "https://openaipublic.blob.core.windows.net/encodings/"
_ENCODING_FILES = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
# tiktoken's time grows faster than the text on some inputs; such texts take the byte bound.
_MAX_ENCODED_CHARS = 100_000


def utf8_length(text: str) -> int:
    """Bytes of ``text`` in UTF-8; lone surrogates count as the three they would be sent as."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def schema_bound(schema: Mapping[str, Any]) -> int:
    """At most so many tokens for a JSON schema that a server may show to the model."""
    return utf8_length(json.dumps(schema, ensure_ascii=False))


def _tools_bound(tools: Sequence[ToolSpec]) -> int:
    if not tools:
        return 0
    return _WITH_TOOLS + sum(_PER_TOOL + schema_bound(tool_to_wire(spec)) for spec in tools)


def _message_bound(message: Message, length: Callable[[str], int], image_tokens: int) -> int:
    bound = _PER_MESSAGE + length(message.content) + image_tokens * len(message.images)
    for call in message.tool_calls:
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        bound += _PER_TOOL_CALL + utf8_length(call.id + call.name + arguments)
    return bound + (utf8_length(message.tool_call_id) if message.tool_call_id else 0)


def prompt_bound(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
    """At most so many tokens, from the bytes alone: about 4 times what English text has. For a
    model that takes no images.
    """
    text = sum(_message_bound(message, utf8_length, 0) for message in messages)
    return _PER_REQUEST + text + _tools_bound(tools)


def estimate_usage(request: ModelRequest, text: str, *, pieces: int = 0) -> Usage:
    """What a call cost in tokens where the server did not say: cut off, timed out, or mute.

    ``text`` is all that was received; ``pieces`` in how many parts it came, which is the least
    number of tokens it can have been. The cost is None and the provenance ``estimated``.
    """
    size = _TEMPLATE_BYTES + (_TOOL_TEMPLATE_BYTES if request.tools else 0)
    size += sum(_MESSAGE_BYTES + utf8_length(message.content) for message in request.messages)
    size += sum(schema_bound(tool_to_wire(spec)) for spec in request.tools)
    size += sum(schema_bound(c.arguments) for m in request.messages for c in m.tool_calls)
    if request.response_schema is not None:
        size += schema_bound(request.response_schema)
    images = sum(len(message.images) for message in request.messages)
    return Usage(
        input_tokens=-(-size // _BYTES_PER_TOKEN) + images * _IMAGE_TOKENS,
        output_tokens=max(pieces, -(-utf8_length(text) // _BYTES_PER_TOKEN)),
        cost=None,
        provenance=frozenset({"estimated"}),
    )


def likely_tokens(request: ModelRequest, bound: int, *, grammar: bool) -> int:
    """A prompt's tokens, for a model's window: as its tokenizer counted them for ``bound``, or an
    estimate where that is made of bytes. A window is nobody's money: a server refuses what is too
    long. ``grammar``: the model reads nothing of a schema.
    """
    shown = not grammar and request.response_schema is not None
    schema = schema_bound(request.response_schema or {}) if shown else 0
    if bound - schema < prompt_bound(request.messages, request.tools):
        return bound - schema + -(-schema // _BYTES_PER_TOKEN)
    return min(bound, estimate_usage(request, "").input_tokens)


def embedding_bound(text: str) -> int:
    """At most so many tokens of a text to embed, the two that frame it included.

    WordPiece may take a character apart (a Hangul syllable, an accent), into fewer than two a byte.
    """
    return 2 + (len(text) if text.isascii() else 2 * utf8_length(text))


def estimate_embedding_usage(inputs: Sequence[str | list[int]]) -> Usage:
    """What embedding texts, or tokens, took where the server did not say."""
    sizes = (
        -(-utf8_length(one) // _BYTES_PER_TOKEN) if isinstance(one, str) else len(one)
        for one in inputs
    )
    return Usage(input_tokens=sum(sizes), cost=None, provenance=frozenset({"estimated"}))


def _cached_encoding_file(encoding: str) -> Path | None:
    """Where tiktoken keeps the encoding's file, by its own rules; None where it keeps none."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder == "":
        return None
    name = hashlib.sha1(f"{_BLOBS}{encoding}.tiktoken".encode(), usedforsecurity=False).hexdigest()
    return Path(folder or Path(tempfile.gettempdir(), "data-gym-cache")) / name


@lru_cache(maxsize=32)
def _offline_length(model: str) -> Callable[[str], int]:
    """Token count of a text by the model's own encoding if it is on disk, else its bytes.

    Takes up to a second where the encoding is there.
    """
    import tiktoken

    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return utf8_length
    file = _cached_encoding_file("o200k_base" if name == "o200k_harmony" else name)
    expected = _ENCODING_FILES.get("o200k_base" if name == "o200k_harmony" else name)
    # A file with another hash would be fetched anew, so nothing but the right one is asked for.
    if file is None or expected is None or not file.is_file():
        return utf8_length
    if hashlib.sha256(file.read_bytes()).hexdigest() != expected:
        return utf8_length
    encoding = tiktoken.get_encoding(name)

    @lru_cache(maxsize=1024)
    def counted(text: str) -> int:
        return len(encoding.encode_ordinary(text))

    def length(text: str) -> int:  # no huge text is held on to
        return utf8_length(text) if len(text) > _MAX_ENCODED_CHARS else counted(text)

    return length


class TokenCounter:
    """Bounds for one model, each text counted once.

    ``model`` names the tiktoken encoding to use if its file is on disk (it is never fetched);
    None, an unknown model or a missing file give the byte bound. ``image_tokens`` is the card's.
    """

    def __init__(self, model: str | None = None, image_tokens: int | None = None) -> None:
        self._model = model
        self._image_tokens = image_tokens or 0
        self._length: Callable[[str], int] | None = None if model else utf8_length
        self._tools: tuple[ToolSpec, ...] = ()
        self._tools_bound = 0

    async def count(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """An upper bound on the prompt's tokens."""
        if self._length is None:
            assert self._model is not None  # noqa: S101 - set in __init__
            self._length = await asyncio.to_thread(_offline_length, self._model)
        if not _same_objects(tools, self._tools):
            self._tools, self._tools_bound = tuple(tools), _tools_bound(tools)
        length = self._length
        text = sum(_message_bound(message, length, self._image_tokens) for message in messages)
        return _PER_REQUEST + text + self._tools_bound


def _same_objects(tools: Sequence[ToolSpec], others: Sequence[ToolSpec]) -> bool:
    return len(tools) == len(others) and all(a is b for a, b in zip(tools, others, strict=True))
