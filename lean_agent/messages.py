"""Chat messages, in OpenAI's terms, and their plain-JSON form.

State, checkpoints and recordings hold ``Message.to_dict()``; the class lives only in memory.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from lean_agent.errors import ConfigurationError

__all__ = ["Image", "Message", "Role", "Task", "ToolCall"]

Role = Literal["system", "user", "assistant", "tool"]

_MAX_IMAGE_BYTES = 5_000_000
"""What every provider looked at takes; it also stands in each checkpoint of a run."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for a model that takes some (``ModelCard.image_tokens``). ``data`` is in base64."""

    media_type: str
    data: str

    @classmethod
    def of(cls, data: bytes) -> Self:
        """A PNG, JPEG, WebP or GIF file of at most 5 MB.

        Raises:
            ConfigurationError: it is something else, or larger.
        """
        media_type = _media_type(data)
        if media_type is None:
            raise ConfigurationError(
                "this is no picture that models take", hint="take a PNG, JPEG, WebP or GIF"
            )
        if len(data) > _MAX_IMAGE_BYTES:
            raise ConfigurationError(
                f"a picture of {len(data):,} bytes is too large",
                hint=f"make it smaller: at most {_MAX_IMAGE_BYTES:,} bytes",
            )
        return cls(media_type, b64encode(data).decode())

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """The picture in a file.

        Raises:
            ConfigurationError: as ``of``, or the file cannot be read.
        """
        try:
            with Path(path).open("rb") as stream:
                data = stream.read(_MAX_IMAGE_BYTES + 1)
        except OSError as error:
            raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
        try:
            return cls.of(data)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error.message}", hint=error.hint) from None


def _media_type(data: bytes) -> str | None:
    """By how the file begins; its name may be wrong."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


Task = str | Sequence[str | Image]
"""What is to be done: text, or text and pictures."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a tool. ``arguments`` is the decoded JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """OpenAI's wire form: the arguments are a JSON string."""
        return {
            "id": self.id,
            "type": "function",
            "function": {
                "name": self.name,
                "arguments": json.dumps(self.arguments, ensure_ascii=False),
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ToolCall:
        function = data["function"]
        return cls(data["id"], function["name"], json.loads(function["arguments"]))


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``tool_calls`` only on assistant, ``tool_call_id`` only on tool messages,
    ``images`` only on user messages.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    images: tuple[Image, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            data["tool_calls"] = [call.to_dict() for call in self.tool_calls]
        if self.tool_call_id is not None:
            data["tool_call_id"] = self.tool_call_id
        if self.images:
            data["images"] = [asdict(image) for image in self.images]
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Message:
        return cls(
            data["role"],
            data["content"],
            tuple(ToolCall.from_dict(call) for call in data.get("tool_calls", ())),
            data.get("tool_call_id"),
            tuple(Image(**image) for image in data.get("images", ())),
        )
