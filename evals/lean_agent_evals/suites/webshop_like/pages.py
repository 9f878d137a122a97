"""What a shopper is told of a page: a few hundred tokens at most."""

from __future__ import annotations

from collections.abc import Iterable

from lean_agent_evals.suites.webshop_like.product import Product
from lean_agent_evals.suites.webshop_like.session import Session

__all__ = ["chosen_text", "page_text"]

_NAME_CHARS = 80


def page_text(session: Session) -> str:
    """The page, with what can be clicked in brackets. What can be long, and cut off for a model,
    comes last: options, descriptions.
    """
    if session.bought and session.product:
        return f"Bought {session.product.asin}. The visit is over."
    if session.done:
        return "The visit is over: too many steps."
    if session.page == "search":
        return "Search the shop."
    if session.product is None:
        lines = _results(session)
    elif session.page == "item":
        lines = _item(session, session.product)
    else:
        lines = [_links(session.buttons), _subpage(session.subpage, session.product)]
    return "\n".join(lines)


def chosen_text(session: Session) -> str:
    """The options chosen, and those still open."""
    options = list(session.product.options) if session.product else []
    chosen = ", ".join(f"{name} {value}" for name, value in session.options.items())
    left = ", ".join(name for name in options if name not in session.options)
    return f"Chosen: {chosen or 'nothing'}." + (f" Not chosen: {left}." if left else "")


def _results(session: Session) -> list[str]:
    head = f"Page {session.number} of {session.pages}" if session.results else "No products found."
    products = [
        f"[{product.asin}] {_cut(product.name)} {product.price_tag}" for product in session.shown
    ]
    return [head, *products, _links(session.buttons)]


def _item(session: Session, product: Product) -> list[str]:
    head = [product.name, f"Price: {product.price_tag}", _links(session.buttons)]
    if not product.options:
        return head
    options = [f"{name}: {_links(values)}" for name, values in product.options.items()]
    return [*head, chosen_text(session), *options]


def _subpage(name: str, product: Product) -> str:
    if name == "description":
        return product.description or "No description."
    return "\n".join(product.features) if name == "features" else "No reviews."


def _links(targets: Iterable[str]) -> str:
    return " ".join(f"[{target}]" for target in targets)


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_CHARS else f"{name[:_NAME_CHARS].rstrip()}..."
