"""``lean-agent plan list``: the domains and where their planners come from."""

from __future__ import annotations

from lean_agent.cli import options as opt
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import one_line

__all__ = ["list_domains"]


def list_domains(json_: opt.Json = False) -> None:
    """List the domains, what an instance looks like, and who made the planner."""
    from lean_agent.errors import ConfigurationError
    from lean_agent_planners.library import (
        domain_names,
        learned_planner,
        load_domain,
        stored_planner,
    )
    from lean_agent_planners.own_domains import own_files

    rows: list[dict[str, str]] = []
    for name in dict.fromkeys([*domain_names(), *own_files()]):
        try:
            domain = load_domain(name)
            planner = stored_planner(domain)
        except ConfigurationError as error:
            say(one_line(f"note: {name} skipped: {error.message}"))
            continue
        try:
            learned = learned_planner(domain).provenance
        except ConfigurationError:
            learned = "-"
        rows.append(
            {
                "domain": domain.name,
                "instance": domain.summary,
                "planner": planner.provenance,
                "learned": learned,
                "fingerprint": planner.fingerprint,
            }
        )
    if json_:
        print_json(rows)
        return
    columns = ("domain", "instance", "planner", "learned", "fingerprint")
    print_table(
        [name.upper() for name in columns], [[row[name] for name in columns] for row in rows]
    )
