"""webshop-like: shopping in an invented shop, or in WebShop's own.

``session`` is the environment, ``reward`` WebShop's reward, ``making`` invents a shop, ``official``
reads the original's files, and ``shoppers`` are those who need no model.
"""

from lean_agent_evals.suites.webshop_like.suite import WebShopLike

__all__ = ["WebShopLike"]
