"""What the nodes of one run share besides its state: live objects that no checkpoint holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lean_agent.approval import Approvals
from lean_agent.context import RunContext
from lean_agent.errors import LimitExceededError, ModelError
from lean_agent.events import Event, Notice
from lean_agent.gate import Gate
from lean_agent.gating.call_memory import CallMemory
from lean_agent.messages import Message
from lean_agent.model import ActionFormat, ModelRequest, ModelResponse
from lean_agent.models.probe import format_key, probe, recall, remember
from lean_agent.planner import Planner
from lean_agent.reasoning import Reasoning
from lean_agent.runtime.disclosing import Disclosed, FindTools
from lean_agent.runtime.hooking import RunHooks
from lean_agent.runtime.meter import Call, Meter
from lean_agent.runtime.narrowing import FIND_TOOLS
from lean_agent.runtime.prefetching import Prefetches
from lean_agent.runtime.reading_on import READ_MORE, KeptTexts, ReadMore
from lean_agent.tool_spec import Tool, ToolSpec

if TYPE_CHECKING:
    from lean_agent.output_form import OutputForm
    from lean_agent.trajectory.exemplars import ExemplarSource
    from lean_agent.trajectory.memory import Memory

__all__ = ["RunScope"]


@dataclass(slots=True, kw_only=True)
class RunScope:
    """``tools`` are the caller's; ``callable`` has the run's own beside them, told of when they are
    needed, and ``disclosed`` says of which the model is told. ``texts`` keeps long results.

    ``streaming`` says that someone reads tokens as they come, ``show_budget`` that the model is
    told with each observation what is left. ``exemplars`` has solved examples for agent phases,
    ``episodes`` what earlier runs came to.

    ``action_format`` is None until the first agent phase asks for it: a probe costs model calls,
    and a run that needs no tools does not pay for it. ``kept`` says that the newest state is in a
    checkpoint, ``cascade`` that the models are not only for when one fails. ``memory`` follows the
    state's trajectory, a resumed run's from its beginning.
    ``schema_refused`` says that the server takes no schema for the ``form`` of the answer, which is
    mended ``output_repairs`` times at most. ``fell_back`` says that another model goes on which has
    yet to be told of the tools.
    ``foreseen`` are the calls, a tool and its arguments, that the task is sure to want; None until
    an agent phase asks.
    ``denied`` has the reason for each call, by its key, that was not approved in this part.
    """

    meter: Meter
    gate: Gate
    tools: Mapping[str, Tool]
    disclosed: Disclosed
    action_format: ActionFormat | None
    context: RunContext
    prefetches: Prefetches
    emit: Callable[[Event], None]
    reasoning: Reasoning
    approvals: Approvals
    planners: tuple[Planner, ...] = ()
    streaming: bool = False
    show_budget: bool = False
    exemplars: ExemplarSource | None = None
    episodes: Memory | None = None
    temperature: float | None = 0.0
    seed: int | None = None
    form: OutputForm[Any] | None = None
    output_repairs: int = 0
    schema_refused: bool = False
    fell_back: bool = False
    kept: bool = False
    cascade: bool = False
    hooks: RunHooks = field(default_factory=RunHooks)
    denied: dict[str, str] = field(default_factory=dict[str, str])
    foreseen: list[tuple[str, dict[str, Any]]] | None = None
    texts: KeptTexts = field(init=False)
    callable: dict[str, Tool] = field(init=False)
    memory: CallMemory = field(init=False)

    def __post_init__(self) -> None:
        self.texts = KeptTexts(self._tokens_of)
        own: dict[str, Tool] = {
            READ_MORE: ReadMore(self.texts),
            FIND_TOOLS.name: FindTools(self.disclosed),
        }
        self.callable = own | dict(self.tools)
        self.memory = CallMemory(self.callable)

    async def call(self, request: ModelRequest, call: Call) -> ModelResponse:
        """A model call of the run, with its hooks around it.

        Raises:
            HookError: one of them raised.
            LeanAgentError: as the meter.
        """
        await self.hooks.before_model(request, self.context)
        response = await self.meter.call(request, call)
        await self.hooks.after_model(request, response, self.context)
        return response

    def known_format(self) -> ActionFormat | None:
        """The format where no probe is needed: a run that is resumed, or goes on with another
        model, may ask for an answer first.
        """
        if self.action_format is None:
            self.action_format = recall(format_key(self.meter.model))
        return self.action_format

    async def settle_format(self) -> ActionFormat:
        """The known format, or that of a probe, charged to this run."""
        self.known_format()
        if self.action_format is None:
            call = Call(purpose="probe", mode="agent", step=0)
            try:
                report = await probe(lambda request: self.call(request, call))
            except LimitExceededError:
                # No room to find out: the format that every model can try, for this run only.
                self.action_format = "tagged"
            else:
                self.action_format = report.action_format
                remember(format_key(self.meter.model), report.action_format)
        return self.action_format

    def fall_back(self, error: ModelError) -> bool:
        """Go on with the next model of the agent's list; False if there is none, or the error is
        not one of the run's model.
        """
        if not self.meter.fall_back(error):
            return False
        self._begin_with_model()
        told = f"{error}; going on with {self.meter.model.name}"
        self.meter.notices.append(told)
        self.emit(Notice(told))
        return True

    def go_by(self, model: str) -> bool:
        """Go on with this model of the agent's cascade; False where it has none of that name, or
        has left it behind.
        """
        if model == self.meter.model.name:
            return True
        if not self.meter.go_by(model):
            return False
        self._begin_with_model()
        return True

    @property
    def level(self) -> str:
        """The model that a cascade goes by now; "" without one."""
        return self.meter.model.name if self.cascade else ""

    @property
    def larger(self) -> str:
        """The model that a cascade goes on with where this one's answer will not do; "" if none."""
        routes = self.meter.routes.routes
        return routes[1].model.name if self.cascade and len(routes) > 1 else ""

    def _begin_with_model(self) -> None:
        self.action_format = self.meter.model.card.action_format
        self.schema_refused, self.fell_back = False, True
        self.disclosed.forget()

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What a request with native calls offers: the same in each, byte for byte."""
        return self.disclosed.first

    @property
    def known_specs(self) -> tuple[ToolSpec, ...]:
        """What the model may call: what it has been told of until now."""
        if self.texts and READ_MORE not in self.tools:
            return (*self.disclosed.all, self.callable[READ_MORE].spec)
        return self.disclosed.all

    async def _tokens_of(self, text: str) -> int:
        count = self.meter.model.count_tokens
        empty = await count([Message("user", "")], ())
        return await count([Message("user", text)], ()) - empty
