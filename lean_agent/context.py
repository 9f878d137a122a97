"""What a tool, gate or planner is handed of the run it serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from lean_agent.embedder import Embedded, Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import TypeVar

    from lean_agent.runtime.nesting import ParentRun

    DepsT = TypeVar("DepsT", default=Any)
else:  # of defaults only checkers know before Python 3.13, and importing them takes 30 ms
    from typing import TypeVar

    DepsT = TypeVar("DepsT")
"""The type of what the caller gave to ``Agent.run(deps=...)``."""

__all__ = ["DepsT", "RunContext"]


async def _embed(embedder: Embedder, texts: Sequence[str]) -> Embedded:
    return await embedder.embed(texts)


async def _nothing(_text: str, _vector: NDArray[np.float32] | None) -> Any:
    return None


def _always() -> bool:
    return True


def _never(_message: str) -> None:
    return None


@dataclass(frozen=True, kw_only=True)  # no slots: RunContext[Shop](...) would raise on Python 3.11
class RunContext(Generic[DepsT]):
    """One per run.

    ``task`` is what the run was asked to do. ``roots`` are the only folders that file tools may
    read, or write with approval. ``deps`` is whatever the caller gave to ``Agent.run(deps=...)``:
    a tool whose parameter is a ``RunContext[Database]`` gets a Database there, or no run begins.
    ``embed`` asks an embedder at the run's expense: tools that embed do it by this.
    ``prefetched`` gives what the tool that is called did ahead for the same text or, with the
    text's vector, for one of nearly the same meaning; None if nothing was (``tool_spec``).
    ``model_is_free`` says whether the model would take the run's next call up at once.
    ``log`` takes a line for the person watching, never for the model.
    ``as_parent`` is what a run that a tool begins is charged to; None outside of a run.
    """

    run_id: str = "-"
    task: str = ""
    roots: tuple[Path, ...] = ()
    deps: DepsT = None  # pyright: ignore[reportAssignmentType] - of who gives none it is None
    embed: Callable[[Embedder, Sequence[str]], Awaitable[Embedded]] = field(default=_embed)
    prefetched: Callable[[str, NDArray[np.float32] | None], Awaitable[Any]] = field(
        default=_nothing
    )
    model_is_free: Callable[[], bool] = field(default=_always)
    log: Callable[[str], None] = field(default=_never)
    as_parent: ParentRun | None = None
