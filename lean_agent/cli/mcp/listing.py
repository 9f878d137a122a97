"""``lean-agent mcp list``: the servers of the configuration file and what they offer."""

from __future__ import annotations

from lean_agent.cli import options as opt
from lean_agent.cli.failures import describe
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table

__all__ = ["list_servers"]


def list_servers(json_: opt.Json = False) -> int:
    """Start each server of the configuration file and list its tools.

    Those that ask wait for a yes before each call: all, unless the server's table says that its
    annotations are trusted. Ends with 1 if a server does not start.
    """
    import asyncio

    from lean_agent.cli.config.file import config_path
    from lean_agent.cli.mcp.servers import configured, look_at

    looked = asyncio.run(look_at(configured()))
    failures = {one.name: describe(one.failure) for one in looked if one.failure is not None}
    if json_:
        print_json(
            [
                {
                    "server": one.name,
                    "tools": [
                        {
                            "name": spec.name,
                            "description": spec.description,
                            "parameters": spec.parameters,
                            "side_effects": spec.side_effects,
                            "approval": spec.needs_approval,
                            "timeout": spec.timeout,
                        }
                        for spec in one.tools
                    ],
                    "error": failures[one.name].to_dict() if one.name in failures else None,
                }
                for one in looked
            ]
        )
    elif looked:
        print_table(
            ("SERVER", "TOOL", "ASKS", "WHAT IT DOES"),
            [
                (one.name, spec.name, "yes" if spec.needs_approval else "no", spec.description)
                for one in looked
                for spec in one.tools
            ],
        )
    else:
        say(f"there is no MCP server in {config_path()}: add a table [mcp.NAME]")
    for failure in failures.values():
        failure.print()
    return 1 if failures else 0
