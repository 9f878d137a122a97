"""ReAct as its paper describes it: thoughts, actions and observations as one growing text.

Yao et al., "ReAct: Synergizing Reasoning and Acting in Language Models" (2022, 2210.03629). The
words of the prompt, and how a turn is read, are those that LangChain made common (hwchase17/react,
ReActSingleInputOutputParser), but for the input of an action: JSON, as our tools may need several
arguments. A turn ends where the model would write an observation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from lean_agent import Message, ModelRequest, RunResult, ToolCall
from lean_agent.errors import InvalidToolCallError
from lean_agent.tool_spec import ToolSpec
from lean_agent_evals.arms import Means
from lean_agent_evals.baselines.metered import MeteredRun, attempted

__all__ = ["ReActArm"]

_STOP = "\nObservation"
_ACTION = re.compile(
    r"Action\s*:[ \t]*(?P<name>[^\n]*?)\s*\n\s*Action\s*Input\s*:(?P<input>.*)", re.DOTALL
)
_ANSWER = re.compile(r"Final Answer:(?P<answer>.*)", re.DOTALL)
_NO_ACTION = ("Action:", "Thought:")
_FENCE = re.compile(r"^```\w*\s*|\s*```$")

_PROMPT = """\
Answer the following questions as best you can. You have access to the following tools:

{tools}

Use the following format:

Question: the input question you must answer
Thought: you should always think about what to do
Action: the action to take, should be one of [{names}]
Action Input: the input to the action, a JSON object of its arguments
Observation: the result of the action
... (this Thought/Action/Action Input/Observation can repeat N times)
Thought: I now know the final answer
Final Answer: the final answer to the original input question

Begin!

Question: {question} {instructions}
Thought:"""


@dataclass(frozen=True, slots=True)
class ReActArm:
    """A plain loop on the run's model: no gate, no memory of calls, no slice for an answer."""

    @property
    def name(self) -> str:
        return "react"

    @property
    def probes(self) -> bool:
        return False

    def most_calls(self, steps: int) -> int:
        return steps

    async def attempt(self, question: str, means: Means) -> RunResult:
        async def work(run: MeteredRun) -> str:
            return await _loop(run, question, means.instructions)

        return await attempted(question, means, "a plain ReAct loop", work)


async def _loop(run: MeteredRun, question: str, instructions: str) -> str:
    specs = {name: tool.spec for name, tool in run.tools.items()}
    written = _PROMPT.format(
        instructions=instructions,
        tools="\n".join(_described(spec) for spec in specs.values()),
        names=", ".join(specs),
        question=question,
    )
    while True:
        request = ModelRequest(messages=(Message("user", written),), stop=(_STOP,))
        response = await run.ask(request)
        # The prompt ends with the label, which a chat model at times writes once more.
        text = response.message.content.split(_STOP)[0].strip().removeprefix("Thought:").strip()
        try:
            turn = _read(text, specs)
        except InvalidToolCallError as error:
            observation = error.message
        else:
            if isinstance(turn, str):
                return turn
            name, arguments = turn
            observation = await run.use(ToolCall("", name, arguments))
        written = f"{written} {text}\nObservation: {observation}\nThought:"


def _described(spec: ToolSpec) -> str:
    """A signature, as LangChain writes it: small models copy a JSON schema as their arguments."""
    properties = cast("Mapping[str, Mapping[str, Any]]", spec.parameters.get("properties", {}))
    required = spec.parameters.get("required", ())
    parameters = ", ".join(
        f"{name}: {schema.get('type', 'any')}{'' if name in required else ' = None'}"
        for name, schema in properties.items()
    )
    about = [f"{n}: {s['description']}" for n, s in properties.items() if "description" in s]
    return " ".join([f"{spec.name}({parameters}) - {spec.description}", *about])


def _read(text: str, specs: Mapping[str, ToolSpec]) -> str | tuple[str, dict[str, Any]]:
    """The final answer, or a tool's name and its arguments: whichever stands first.

    Raises:
        InvalidToolCallError: with one line that tells the model what to mend.
    """
    action, answer = _ACTION.search(text), _ANSWER.search(text)
    if answer is not None and (action is None or answer.start() < action.start()):
        return answer["answer"].strip()
    if action is None:
        missing, before = ("Action Input:", "Action:") if "Action:" in text else _NO_ACTION
        raise InvalidToolCallError(f"Invalid Format: Missing '{missing}' after '{before}'")
    name = action["name"].strip("`*\"'[] ")
    if name not in specs:
        raise InvalidToolCallError(f"{name} is not a valid tool, try one of [{', '.join(specs)}].")
    return name, _arguments(action["input"], specs[name])


def _arguments(raw: str, spec: ToolSpec) -> dict[str, Any]:
    """A JSON object, or the bare value of a tool that needs one argument."""
    text = _FENCE.sub("", raw.strip()).strip()
    value = _decoded(text) if text.startswith("{") else text
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    required = list(spec.parameters.get("required", ()))
    if len(required) == 1 and text:
        return {required[0]: text.strip("\"'")}
    if not text and not required:
        return {}
    raise InvalidToolCallError(f"the Action Input of {spec.name} must be a JSON object")


def _decoded(text: str) -> object:
    """JSON, or what a tolerant reader makes of it: what follows the object is left out."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        import json_repair

        value = json_repair.loads(text)
    return value
