"""``@tool``: a typed Python function becomes a tool.

The schema comes from the type hints, the words from a Google-style docstring. Both cost tokens in
every prompt, so the schema holds nothing that a model does not need.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from lean_agent._threads import in_daemon_thread
from lean_agent.errors import ConfigurationError, ToolError
from lean_agent.tool_spec import Preview, ToolSpec

if TYPE_CHECKING:
    from lean_agent.context import RunContext
    from lean_agent.tool_schema import Arguments

__all__ = ["FunctionTool", "tool"]

P = ParamSpec("P")
R = TypeVar("R")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
"""What hosted models accept as the name of a tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    name: str | None = None
    side_effects: bool = False
    idempotent: bool = False
    concurrency_safe: bool = True
    timeout: float = 60.0
    max_output_chars: int = 4_000
    word_parameters: Collection[str] = ()
    cost_hint: Decimal | float | str | None = None
    approval: bool = False
    asks_within: bool = False
    preview: Callable[..., Preview] | None = None
    holds: Callable[[Sequence[str]], bool] | None = None
    foreseen: Callable[[str, RunContext], Sequence[Mapping[str, Any]]] | None = None


class FunctionTool(Generic[P, R]):
    """A function as a Tool. Called directly, it is still the plain function.

    Sync functions run in a daemon thread of their own: they block neither the event loop nor, if
    they hang, the interpreter's exit. Text is passed on as it is, None as "Done.", and any other
    result as JSON.

    Raises:
        ConfigurationError: the function cannot be a tool; the message names the parameter.
    """

    __name__: str
    __wrapped__: Callable[P, R]

    def __init__(self, function: Callable[P, R], **options: Any) -> None:
        self._function = function
        self._options = _Options(**options)
        self._name = self._options.name or getattr(function, "__name__", "")
        if not _NAME.fullmatch(self._name):
            raise ConfigurationError(
                f"{self._name or function!r} cannot be the name of a tool",
                hint="give it one of letters, digits, _ and -: @tool(name=...)",
            )
        self._signature = _checked_signature(function, self._name)
        self._word_parameters = frozenset(self._options.word_parameters)
        if unknown := self._word_parameters - self._signature.parameters.keys():
            raise ConfigurationError(
                f"{self._name}: there is no parameter {min(unknown)!r}, named in word_parameters"
            )
        self._cost_hint = _money(self._options.cost_hint, self._name)
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<tool {self._name}>"

    @functools.cached_property
    def _arguments(self) -> Arguments:
        """Built at first need: pydantic and griffe take 0.2 s to import."""
        from lean_agent.tool_schema import arguments_of

        return arguments_of(self._name, self._function, self._signature)

    @functools.cached_property
    def _spec(self) -> ToolSpec:
        return ToolSpec(
            name=self._name,
            description=self._arguments.description,
            parameters=self._arguments.schema,
            side_effects=self._options.side_effects,
            idempotent=self._options.idempotent,
            concurrency_safe=self._options.concurrency_safe,
            timeout=self._options.timeout,
            max_output_chars=self._options.max_output_chars,
            word_parameters=self._word_parameters,
            cost_hint=self._cost_hint,
            approval=self._options.approval,
            asks_within=self._options.asks_within,
        )

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    @property
    def deps_type(self) -> Any:
        """What the function's RunContext is to hold as ``deps``; None where it does not say."""
        return self._arguments.deps_type

    async def preview(self, arguments: Mapping[str, Any], ctx: RunContext) -> Preview | None:
        """What a call would do, if the tool was given a function that tells.

        Raises:
            InvalidToolCallError: the arguments do not fit.
            Exception: whatever that function raises.
        """
        kwargs = self._arguments.validated(arguments, ctx)
        tell = self._options.preview
        return await in_daemon_thread(lambda: tell(**kwargs)) if tell is not None else None

    async def holds(self, names: Sequence[str]) -> bool | None:
        """Whether what it searches holds any of the names, if it was given a function that tells.

        Raises:
            Exception: whatever that function raises.
        """
        tell = self._options.holds
        return await in_daemon_thread(lambda: tell(names)) if tell is not None else None

    async def foreseen(self, task: str, ctx: RunContext) -> Sequence[Mapping[str, Any]]:
        """Calls that the task is sure to want, if it was given a function that tells.

        Raises:
            Exception: whatever that function raises.
        """
        tell = self._options.foreseen
        return await in_daemon_thread(lambda: tell(task, ctx)) if tell is not None else ()

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        """Check the arguments, call the function, and give its result as text.

        Raises:
            InvalidToolCallError: the arguments do not fit; nothing was called.
            ToolError: the function ended the program, which a tool may not.
            Exception: whatever else the function raises.
        """
        function = cast("Callable[..., Any]", self._function)
        kwargs = self._arguments.validated(arguments, ctx)

        def called() -> Any:
            result = function(**kwargs)
            return result if inspect.isawaitable(result) else _as_text(result)

        try:
            if inspect.iscoroutinefunction(function):
                return _as_text(await function(**kwargs))
            result = await in_daemon_thread(called)
            # A plain function may hand back something to await: a partial of an async one does.
            return result if isinstance(result, str) else _as_text(await result)
        except SystemExit as error:
            raise ToolError(f"{self._name} called sys.exit({error.code!r})") from error


@overload
def tool(function: Callable[P, R], /) -> FunctionTool[P, R]: ...
@overload
def tool(
    *,
    name: str | None = None,
    side_effects: bool = False,
    idempotent: bool = False,
    concurrency_safe: bool = True,
    timeout: float = 60.0,
    max_output_chars: int = 4_000,
    word_parameters: Collection[str] = (),
    cost_hint: Decimal | float | str | None = None,
    approval: bool = False,
    preview: Callable[..., Preview] | None = None,
    holds: Callable[[Sequence[str]], bool] | None = None,
    foreseen: Callable[[str, RunContext], Sequence[Mapping[str, Any]]] | None = None,
) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...
def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a tool of a typed function: ``@tool`` or ``@tool(side_effects=True, ...)``.

    Every parameter needs a type; its words come from the docstring's ``Args:``. A parameter of type
    RunContext is handed the run's context and is hidden from the model.

    Args:
        function: The function, sync or async.
        **options: ``name`` (the function's own when left out); ``side_effects``: it changes
            something outside the run, so an equal call is never served from memory;
            ``idempotent``: made twice it changes no more than once;
            ``concurrency_safe``: it may run beside other calls of a step; ``timeout`` in seconds,
            after which an async function is cancelled and a plain one left to itself;
            ``max_output_chars``: how much of a result the model is shown; ``word_parameters``:
            the names of those in which case and blanks make no difference; ``cost_hint``: US
            dollars that a call costs by itself; ``approval``: each call needs a yes even without
            side effects; ``preview``: a plain function of the same parameters that tells what a
            call would do; ``holds``: a plain function of a list of words that tells whether what
            the tool searches has any of them, by which the gate knows questions for it;
            ``foreseen``: a plain function of a task and the run's context that tells the arguments
            of calls which the task is sure to want, with which an agent then begins.

    Raises:
        ConfigurationError: the function cannot be a tool; the message names the parameter.
    """
    if function is None:
        return functools.partial(_make, options)
    return FunctionTool(function, **options)


def _make(options: dict[str, Any], function: Callable[P, R]) -> FunctionTool[P, R]:
    return FunctionTool(function, **options)


def _money(hint: Decimal | float | str | None, name: str) -> Decimal | None:
    if hint is None:
        return None
    try:
        money = Decimal(str(hint).strip())
    except InvalidOperation:
        money = Decimal("nan")
    if not money.is_finite() or money < 0:
        raise ConfigurationError(
            f"{name}: cost_hint={hint!r} is no number of US dollars, 0 or more"
        )
    return money


def _checked_signature(function: Callable[..., Any], name: str) -> inspect.Signature:
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
            raise ConfigurationError(
                f"{name}: parameter {parameter.name!r} is {parameter.kind.description}",
                hint="a model names each argument: give every parameter a name of its own",
            )
        if parameter.annotation is parameter.empty:
            raise ConfigurationError(
                f"{name}: parameter {parameter.name!r} has no type",
                hint=f"annotate it, for example {parameter.name}: str",
            )
    return signature


def _as_text(result: object) -> str:
    if result is None:
        return "Done."
    if isinstance(result, str):
        return result
    import pydantic_core

    try:
        return pydantic_core.to_json(result, fallback=str).decode()
    except ValueError:  # bytes that are no text, an object that holds itself
        return str(result)
