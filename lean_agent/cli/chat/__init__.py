"""The terminal agent: a prompt, answers as they are written, and commands.

``command`` begins it, ``session`` answers and obeys, ``registry`` holds the commands of
``talking``, ``choosing`` and ``reporting``, ``typed`` and ``piped`` bring the lines, and
``conversation`` is what is kept.
"""

from __future__ import annotations

from lean_agent.cli.chat.command import chat, converse

__all__ = ["chat", "converse"]
