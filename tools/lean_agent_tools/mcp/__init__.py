"""Tools of MCP servers (modelcontextprotocol.io), and the agent as one: needs the extra [mcp].

    async with mcp_tools(MCPServer(name="files", command="my-server")) as tools:
        agent = Agent(tools=tools)

What a server sends (names, descriptions, schemas, results, errors) is hostile until proven
otherwise: it is bounded, made plain, and every tool counts as having side effects unless the user
trusts what that server says of its tools.
"""

from lean_agent_tools.mcp.opening import mcp_tools
from lean_agent_tools.mcp.server import MCPServer

__all__ = ["MCPServer", "mcp_tools"]
