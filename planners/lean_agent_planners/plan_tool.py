"""The tool by which an agent hands a search problem over to a planner."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from lean_agent.context import RunContext
from lean_agent.errors import ConfigurationError, InvalidToolCallError, ToolError
from lean_agent.tool_spec import ToolSpec
from lean_agent_planners.domain_planner import DomainPlanner, domain_planner

__all__ = ["PlanTool", "plan_tool"]


class PlanTool:
    """Gives the answer, or a line that says why there is none.

    The words for the model are few and hold no example: small models copy what they read there.
    """

    def __init__(self, planner: DomainPlanner) -> None:
        self._planner = planner

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    @cached_property
    def _spec(self) -> ToolSpec:
        return ToolSpec(
            name="plan",
            description="Solve a puzzle of one of these kinds exactly, from its own text.",
            parameters={
                "type": "object",
                "properties": {
                    "domain": {"type": "string", "enum": list(self._planner.domains)},
                    "instance": {"type": "string"},
                },
                "required": ["domain", "instance"],
                "additionalProperties": False,
            },
        )

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        """Read the instance, search, and check the plan.

        A small model often gives the puzzle a name instead of its text, or another domain: then
        the question's own is taken, if it holds one, and the answer says so.

        Raises:
            InvalidToolCallError: there is no such domain.
            ConfigurationError: the text holds no instance of it, and the question none of any.
            ToolError: no plan was found, and it is not known that there is none.
        """
        match arguments:
            case {"domain": str(domain), "instance": str(instance), **rest} if not rest:
                known = domain in self._planner.domains
            case _:
                known, domain, instance = False, "", ""
        if not known:
            names = ", ".join(self._planner.domains)
            raise InvalidToolCallError(f"plan takes 'instance', a text, and 'domain': {names}")
        try:
            found = self._planner.read(domain, instance)
            said = ""
        except ConfigurationError:
            found = self._planner.recognise(ctx.task, forced=True)
            if found is None:
                raise
            said = f"The question's own puzzle ({found.domain}): "
        planned = await self._planner.solve(found)
        if not planned.answer:
            raise ToolError(planned.evidence)
        return said + planned.answer


plan_tool = PlanTool(domain_planner)
"""The entry point."""
