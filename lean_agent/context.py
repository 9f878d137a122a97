"""What a tool, gate or planner is handed of the run it serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lean_agent.embedder import Embedded, Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["RunContext"]


async def _embed(embedder: Embedder, texts: Sequence[str]) -> Embedded:
    return await embedder.embed(texts)


async def _nothing(_text: str, _vector: NDArray[np.float32] | None) -> Any:
    return None


def _always() -> bool:
    return True


def _never(_message: str) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One per run.

    ``task`` is what the run was asked to do. ``roots`` are the only folders that file tools may
    read, or write with approval. ``deps`` is whatever the caller gave to ``Agent.run(deps=...)``.
    ``embed`` asks an embedder at the run's expense: tools that embed do it by this.
    ``prefetched`` gives what the tool that is called did ahead for the same text or, with the
    text's vector, for one of nearly the same meaning; None if nothing was (``tool_spec``).
    ``model_is_free`` says whether the model would take the run's next call up at once.
    ``log`` takes a line for the person watching, never for the model.
    """

    run_id: str = "-"
    task: str = ""
    roots: tuple[Path, ...] = ()
    deps: Any = None
    embed: Callable[[Embedder, Sequence[str]], Awaitable[Embedded]] = field(default=_embed)
    prefetched: Callable[[str, NDArray[np.float32] | None], Awaitable[Any]] = field(
        default=_nothing
    )
    model_is_free: Callable[[], bool] = field(default=_always)
    log: Callable[[str], None] = field(default=_never)
