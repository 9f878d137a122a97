"""One attempt at a goal: the shop as two tools."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lean_agent import RunResult, Tool, ToolError, tool
from lean_agent_evals.suites.webshop_like.pages import chosen_text, page_text
from lean_agent_evals.suites.webshop_like.session import Session
from lean_agent_evals.task import Score

__all__ = ["ShoppingAttempt"]

_SHOWN_CHARS = 2_400
_BRACKETED = re.compile(r"\[([^\]]+)\]")

_INSTRUCTIONS = (
    "You are in an online shop. Buy the product that fits the request best: search for it, click "
    "its code, click each option value that the request names, then click buy now. Only a purchase "
    "counts. When it is made, answer with the product's code."
)


class ShoppingAttempt:
    """A visit to the shop. It is scored by what was bought, not by what is said about it."""

    roots: Sequence[Path] = ()
    instructions = _INSTRUCTIONS

    def __init__(self, session: Session) -> None:
        self._session = session
        # Both move the one shopper there is, so no call may be answered from memory, or overtake.
        moving = tool(side_effects=True, concurrency_safe=False, max_output_chars=_SHOWN_CHARS)
        self.tools: Sequence[Tool] = (moving(self.search), moving(self.click))

    def search(self, query: str) -> str:
        """Search the shop; shows the first page of products.

        Args:
            query: A few words that describe the product.
        """
        self._session.search(query)
        return page_text(self._session)

    def click(self, target: str) -> str:
        """Click something that the page shows in [brackets].

        Args:
            target: The text in the brackets: a product's code, an option's value, or a button.
        """
        session, target = self._session, _bare(target)
        chosen_before = dict(session.options)
        if not session.click(target) and not session.done:
            there = ", ".join(session.clickables) or "nothing to click, only the search"
            raise ToolError(f"there is no {target[:100]!r} on this page; there is: {there}")
        only_chose = session.page == "item" and session.options != chosen_before
        return chosen_text(session) if only_chose else page_text(session)

    def score(self, result: RunResult) -> Score:
        """WebShop's reward; passed is its success, a reward of 1."""
        del result
        bought = self._session.bought
        if bought is None:
            return Score(value=0.0, passed=False, detail="bought nothing")
        return Score(value=bought.value, passed=bought.value == 1.0, detail=str(bought))


def _bare(target: str) -> str:
    """What stands in the first brackets, where a line of the page was copied with them."""
    target = target.strip()
    bracketed = _BRACKETED.match(target)
    return bracketed.group(1) if bracketed else target
