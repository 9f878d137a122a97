"""An instance as a user would put it to an assistant, with the form of the answer."""

from __future__ import annotations

from lean_agent_planners.domains.sokoban.board import Board, read_board

__all__ = ["instance_text", "question"]

_END = "End with one line that begins with 'Answer:' and holds"

_QUESTIONS = {
    "game24": (
        "Use the numbers {} to make 24. Use each number exactly once; add, subtract, multiply and "
        f"divide as you like, with parentheses. {_END} the expression alone."
    ),
    "blocksworld": (
        "Solve this BlocksWorld problem. One arm moves one block at a time:\n"
        "(pick-up x) takes the clear block x from the table; the arm must be empty.\n"
        "(unstack x y) takes the clear block x from the block y; the arm must be empty.\n"
        "(put-down x) puts the block x, which the arm holds, on the table.\n"
        "(stack x y) puts the block x, which the arm holds, on the clear block y.\n"
        "A block is clear if nothing is on it and the arm does not hold it.\n\n{}\n\n"
        f"{_END} all actions in order, in parentheses as above."
    ),
    "prontoqa": (
        "Decide by these statements alone, whatever else you know.\n\n{}\n\n"
        f"{_END} True or False alone."
    ),
    "sokoban": (
        "Solve this Sokoban level: push every stone onto a goal.\n"
        "Signs: wall #, player @, player on a goal +, stone $, stone on a goal *, goal a dot.\n\n"
        "{}\n\nThe player moves up, down, left or right, and pushes a stone that is there if the "
        "square behind it is free. Stones cannot be pulled.\n"
        f"{_END} the moves in order, each as one letter: u, d, l or r."
    ),
    "crosswords": (
        "Fill this crossword of 5 by 5 letters. Each row (across, from the top) and each column "
        "(down, from the left) must be one of its candidates:\n\n{}\n\n"
        f"{_END} the five words across, from the top, separated by spaces."
    ),
}


def question(domain: str, instance: str) -> str:
    """What the user asks; ``instance`` is as ``instance_text`` gives it.

    Raises:
        KeyError: the domain has no wording.
    """
    if domain == "game24":
        *first, last = instance.split()
        instance = f"{', '.join(first)} and {last}" if first else last
    return _QUESTIONS[domain].format(instance.strip("\n"))


def instance_text(domain: str, text: str) -> str:
    """The instance as a person would show it: a level of Sokoban is drawn."""
    return _drawing(read_board(text)) if domain == "sokoban" else text


def _drawing(board: Board) -> str:
    rows = [[" #."[square] for square in row] for row in board.grid]
    for row, column in board.stones:
        rows[row][column] = "*" if rows[row][column] == "." else "$"
    row, column = board.player
    rows[row][column] = "+" if rows[row][column] == "." else "@"
    return "\n".join("".join(row) for row in rows)
