"""The planner that plan mode uses: every domain of the library, and the user's own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from lean_agent.errors import ConfigurationError
from lean_agent.planner import Ask, PlannedAnswer, Recognised
from lean_agent_planners import recognising
from lean_agent_planners.domain import Domain
from lean_agent_planners.library import domain_names, load_domain, stored_planner
from lean_agent_planners.own_domains import own_files
from lean_agent_planners.solving import Solution, solve
from lean_agent_planners.unknown_domains.devising import devise

__all__ = ["DomainPlanner", "domain_planner", "in_words"]

_LOG = logging.getLogger("lean_agent.planners")
_LOG.addHandler(logging.NullHandler())  # a library prints nothing unless asked to


class DomainPlanner:
    """Domains are loaded once; a file of the user's that is none is logged and left out."""

    @property
    def domains(self) -> Sequence[str]:
        return list(self._domains)

    def recognise(
        self, task: str, files: Sequence[Path] = (), *, forced: bool = False
    ) -> Recognised | None:
        return recognising.recognise(self._domains.values(), task, files, forced=forced)

    def read(self, name: str, text: str) -> Recognised:
        """The instance of one domain that a text holds.

        Raises:
            ConfigurationError: it holds none.
        """
        domain = self._domains[name]
        excerpt = domain.find(text)
        instance = text if excerpt is None else excerpt.instance
        domain.encode(instance)
        return Recognised(domain=name, instance=instance)

    async def solve(self, recognised: Recognised) -> PlannedAnswer:
        domain = self._domains[recognised.domain]
        planner = stored_planner(domain)
        solution = await solve(domain, planner, recognised.instance)
        said = solution.problem or f"{solution.status}, {solution.expansions:,} states expanded"
        return PlannedAnswer(
            status=solution.status,
            answer=in_words(solution),
            evidence=f"{domain.name} by its {planner.provenance}: {said}",
            expansions=solution.expansions,
        )

    async def devise(self, task: str, ask: Ask) -> PlannedAnswer:
        devised = await devise(task, ask)
        return PlannedAnswer(
            status=devised.status,
            answer=devised.answer,
            evidence=devised.evidence,
            expansions=devised.expansions,
        )

    @cached_property
    def _domains(self) -> dict[str, Domain]:
        found: dict[str, Domain] = {}
        for name in dict.fromkeys([*domain_names(), *own_files()]):
            try:
                found[name] = load_domain(name)
            except ConfigurationError as error:
                _LOG.warning("note: domain %s skipped: %s", name, error.message)
        return found


def in_words(solution: Solution) -> str:
    """The answer for whoever asked, "" where there is none."""
    if solution.status == "unsolvable":
        return f"There is no solution: all {solution.expansions:,} states were searched."
    return solution.answer or ""


domain_planner = DomainPlanner()
"""The entry point."""
