"""Opening one part of a run: its state, its account and its meter, before anything is spent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lean_agent._paths import config_dir
from lean_agent.context import RunContext
from lean_agent.errors import ConfigurationError, LedgerError
from lean_agent.events import CostUpdated, Event, Notice
from lean_agent.ledger import queries
from lean_agent.ledger.account import Account
from lean_agent.ledger.budget import Budget, Remaining, least
from lean_agent.ledger.caps import open_shared
from lean_agent.ledger.ledger import Ledger
from lean_agent.model import Model, Slotted
from lean_agent.models.pricing import PriceTable
from lean_agent.models.response_cache import AnswerStore
from lean_agent.price import Price
from lean_agent.runtime.book import Book
from lean_agent.runtime.embedding import MeteredEmbedding
from lean_agent.runtime.holdback import held_back, held_back_seconds
from lean_agent.runtime.journal import Journal
from lean_agent.runtime.meter import Meter
from lean_agent.runtime.resuming import Earlier
from lean_agent.runtime.routes import Route, Routes
from lean_agent.runtime.spending import Spending
from lean_agent.runtime.state import RunState
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from lean_agent.runtime.nesting import ParentRun

__all__ = ["Part", "embedding_of", "open_meter", "refuse_blind", "run_context"]

_OPTIONS = {
    "usd": "--budget-usd",
    "tokens": "--max-tokens",
    "steps": "--max-steps",
    "seconds": "--max-seconds",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The first part of a run, or a resumed one, which goes on from its checkpoint.

    ``root_id`` names the part's row in the ledger. ``parent`` is the run that it works for.
    ``began`` is when it was asked for, in seconds of time.monotonic(): imports are in its time.
    """

    run_id: str
    root_id: str
    budget: Budget
    deps: Any
    first_state: RunState | None = None
    session_id: str | None = None
    task_id: str | None = None
    parent: ParentRun | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def resumed(self) -> bool:
        return self.first_state is None


async def open_meter(
    part: Part,
    state: RunState,
    *,
    routes: Sequence[Route],
    ledger: Ledger,
    account: Account | None,
    cache: AnswerStore | None,
    journal: Journal,
    emit: Callable[[Event], None],
) -> Meter:
    """The meter of one part, with the slice for its final answer held back at every level.

    What is held back is reckoned at the price of the first route.

    Raises:
        ConfigurationError: a dollar cap cannot hold, as nobody knows the model's price; or the run
            to resume was ended by a limit that the new budget does not raise.
    """
    model, price = routes[0].model, routes[0].price
    notices: list[str] = []
    earlier = await _earlier(ledger, part, state)
    left = Account(part.budget, spent=earlier.amount, elapsed=earlier.seconds).remaining()
    _refuse_unraised(part, state, left, earlier)
    if account is not None:
        left = least(left, account.remaining())
    shared = open_shared(ledger.folder, notices.append, ledger.budget_store)
    own = left
    try:
        left = least(own, await shared.remaining())
        for route in routes:
            _refuse_unpriced(route.model, route.price, left, earlier)
        await shared.open(lambda capped: held_back(least(own, capped), price))
    except BaseException:
        await shared.close()
        raise
    return Meter(
        routes=Routes(routes),
        book=Book(
            ledger=ledger,
            run_id=part.run_id,
            root_id=part.root_id,
            model=model.name,
            price_ref=price.reference if price else None,
            session_id=part.session_id,
            task_id=part.task_id,
            parent_id=part.parent.entry_id if part.parent is not None else None,
        ),
        spending=Spending(
            account=Account(
                part.budget,
                parent=account,
                holdback=held_back(left, price),
                spent=earlier.amount,
                elapsed=earlier.seconds + time.monotonic() - part.began,
            ),
            shared=shared,
        ),
        emit=emit,
        final_seconds=held_back_seconds(left),
        cache=cache,
        journal=journal,
        usage=earlier.usage,
        saved=earlier.saved,
        began=part.began - earlier.seconds,
        notices=notices,
    )


def embedding_of(meter: Meter, prices: PriceTable) -> MeteredEmbedding:
    """Embedding at the expense of one part of a run."""

    def charge(usage: Usage) -> None:
        meter.usage += usage
        meter.emit(CostUpdated(meter.usage))

    return MeteredEmbedding(
        book=meter.book,
        spending=meter.spending,
        charge=charge,
        price_of=prices.price_of_embedder,
    )


def run_context(
    part: Part,
    model: Model,
    embedding: MeteredEmbedding,
    *,
    task: str,
    roots: Sequence[Path],
    emit: Callable[[Event], None],
    as_parent: ParentRun,
) -> RunContext:
    """What the tools of one part are handed."""

    def model_is_free() -> bool:
        """A model that says nothing of slots takes up whatever comes, as hosted ones do."""
        return model.free_slots() > 0 if isinstance(model, Slotted) else True

    return RunContext(
        run_id=part.run_id,
        task=task,
        roots=tuple(roots),
        deps=part.deps,
        embed=embedding.embed,
        model_is_free=model_is_free,
        log=lambda line: emit(Notice(line)),
        as_parent=as_parent,
    )


def _refuse_unraised(part: Part, state: RunState, left: Remaining, earlier: Earlier) -> None:
    limit = state["limit"]
    cap = getattr(part.budget, limit, None) if part.resumed and limit else None
    if cap is None:
        return
    # What is left under a cap of tokens or dollars was too little to go on with, as the run's
    # answer has told; another one would be paid for in vain.
    ended = state["answered"] or state["finish_reason"] == "limit"
    same = ended and bool(state.get("cap")) and cap <= Decimal(state["cap"])
    if same or getattr(left, limit) == 0:
        spent = getattr(earlier.amount, limit, round(earlier.seconds, 1))
        option = f", {_OPTIONS[limit]} on the command line," if limit in _OPTIONS else ""
        raise ConfigurationError(
            f"the {limit} limit that ended the run is not raised: of {cap} it has spent {spent}",
            hint=f"raise Budget({limit}=...){option} above {max(cap, spent)}",
        )


def refuse_blind(models: Sequence[Model]) -> None:
    """Refuse images for models that take none, as far as anyone knows.

    Raises:
        ConfigurationError: naming the first of them.
    """
    for model in models:
        if model.card.image_tokens is None:
            raise ConfigurationError(
                f"{model.name} is not known to take images",
                hint="choose a model that does, or say so with ModelCard(image_tokens=...)",
            )


def _refuse_unpriced(model: Model, price: Price | None, left: Remaining, earlier: Earlier) -> None:
    if left.usd is not None and earlier.usage.cost is None:
        raise ConfigurationError(
            "a dollar cap cannot hold: nobody knows what the earlier part of this run cost",
            hint="cap tokens or steps instead",
        )
    if left.usd is not None and price is None and not model.card.self_hosted:
        raise ConfigurationError(
            f"a dollar cap cannot hold: the price of {model.name} is unknown",
            hint=f"cap tokens instead, or add these lines to {config_dir() / 'prices.toml'}, in US "
            f'dollars per million tokens:\n[models."{model.name}"]\ninput = "…"\noutput = "…"',
        )


async def _earlier(ledger: Ledger, part: Part, state: RunState) -> Earlier:
    """What earlier parts spent; the ledger is only asked where there was one."""
    if not part.resumed:
        return Earlier()
    try:
        rows = await asyncio.to_thread(queries.show, ledger.folder, part.run_id, below=True)
    except LedgerError:
        rows = []
    return Earlier.of(state, rows)
