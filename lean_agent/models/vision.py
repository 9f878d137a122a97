"""Which models take images, by name, and how many tokens one may come to at most.

By the providers' own rules: OpenAI counts 85 tokens and 170 for each of at most 8 tiles (2,833 and
5,667 for gpt-4o-mini), or up to 1,536 patches, times at most 2.46, for some; Anthropic's largest
picture has 4,784; Google counts 258 for a tile of 768 by 768 pixels. Models of open weights cut a
picture into as many as 16,384 pieces (Qwen2-VL's own setting). Where only the order of magnitude is
sure there is some room.
"""

from __future__ import annotations

import re

__all__ = ["image_tokens"]

_OPEN_WEIGHTS = 16_384

_MOST: tuple[tuple[re.Pattern[str], int], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), tokens)
    for pattern, tokens in (
        (r"gpt-4o-mini", 2_833 + 8 * 5_667),
        (r"gpt-(?:4o|4\.1|4-turbo|[5-9])|(?:^|/)(?:o[13](?!-mini)|o4)(?:-|$)", 8_192),
        (r"claude-(?:3|opus|sonnet|haiku)", 5_000),
        (r"gemini-", 8_192),
        (r"grok-(?:4|2-vision)|pixtral|mistral-(?:small-3\.[1-9]|medium-3|large-3)", 8_192),
        (r"llava|moondream|minicpm-v|internvl|smolvlm|llama-4|llama-?3\.2-vision", _OPEN_WEIGHTS),
        (r"(?:^|[-_./])(?:vl|vision)(?:[-_.:]|$)|qwen[\d.]*-?vl|gemma-?3", _OPEN_WEIGHTS),
    )
)


def image_tokens(model: str) -> int | None:
    """The most tokens of an image for a model of that name; None where it is not known to take any.

    The ``image_tokens`` of a card of one's own says it of any other.
    """
    return next((tokens for pattern, tokens in _MOST if pattern.search(model)), None)
