"""Tools that ship with lean-agent, one a file, offered through the lean_agent.tools entry point."""
