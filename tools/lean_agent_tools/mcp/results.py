"""What a server answers to a call, as text for the model."""

from __future__ import annotations

import json
from collections.abc import Iterable

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
)

from lean_agent._redact import REDACTED
from lean_agent_tools.mcp.plain import one_line, plain

__all__ = ["text_of"]

_NAME_CHARS = 300


def text_of(result: CallToolResult, secrets: Iterable[str]) -> str:
    """Its texts; of an image, a sound or a file only what it is. Never empty.

    ``secrets`` are the server's own, which it may give back: no model is to read them.
    """
    texts = [_block(block) for block in result.content]
    if not texts and result.structured_content is not None:
        texts = [json.dumps(result.structured_content, ensure_ascii=False)]
    text = plain("\n".join(texts))
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return text if text.strip() else "Done."


def _block(block: ContentBlock) -> str:
    match block:
        case TextContent(text=text):
            return text
        case ImageContent() | AudioContent():
            return _unseen(block.type, block.mime_type, block.data)
        case ResourceLink():
            return f"[resource {one_line(f'{block.name}: {block.uri}', _NAME_CHARS)}]"
        case EmbeddedResource(resource=file):
            if isinstance(file, BlobResourceContents):
                return _unseen(one_line(file.uri, _NAME_CHARS), file.mime_type, file.blob)
            return file.text


def _unseen(what: str, kind: str | None, data: str) -> str:
    about = one_line(kind or "of an unknown kind", _NAME_CHARS)
    return f"[{what}, {about}, about {len(data) * 3 // 4:,} bytes: not shown]"
