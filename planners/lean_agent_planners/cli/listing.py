"""``lean-agent plan list``: the domains and where their planners come from."""

from __future__ import annotations

from lean_agent.cli import options as opt
from lean_agent.cli.table import print_json, print_table

__all__ = ["list_domains"]


def list_domains(json_: opt.Json = False) -> None:
    """List the domains, what an instance looks like, and who made the planner."""
    from lean_agent_planners.library import domain_names, load_domain, stored_planner

    rows: list[dict[str, str]] = []
    for domain in map(load_domain, domain_names()):
        planner = stored_planner(domain)
        rows.append(
            {
                "domain": domain.name,
                "instance": domain.summary,
                "planner": planner.provenance,
                "fingerprint": planner.fingerprint,
            }
        )
    if json_:
        print_json(rows)
        return
    columns = ("domain", "instance", "planner", "fingerprint")
    print_table(
        [name.upper() for name in columns], [[row[name] for name in columns] for row in rows]
    )
