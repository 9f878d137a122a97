"""The command line: ``lean-agent``.

``main`` is the console script. Everything else is loaded when a command needs it, because
``lean-agent --help`` must be quick.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line on ``sys.argv`` and exit with its code.

    0 completed, 1 the run failed, 2 usage or configuration, 3 a limit was reached (the best answer
    is still printed), 4 a quality gate failed, 130 interrupted.
    """
    import sys

    try:
        from lean_agent.cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
