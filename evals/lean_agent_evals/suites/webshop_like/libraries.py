"""The libraries that WebShop's search and reward rest on: the words' stems, and how alike they are.

Neither has types.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, cast

from lean_agent import ConfigurationError

__all__ = ["stems", "token_set_ratio"]


@cache
def stems() -> Callable[[list[str]], list[str]]:
    """Porter's stemmer (1980), as Lucene's English analysis uses it.

    Raises:
        ConfigurationError: PyStemmer is not installed.
    """
    try:
        import Stemmer
    except ImportError as error:
        raise _missing("PyStemmer") from error
    stemmer = cast("Any", Stemmer).Stemmer
    # A stemmer may not be used by two threads at once, and takes 1 us to make.
    return lambda words: stemmer("porter").stemWords(words)


@cache
def token_set_ratio() -> Callable[[str, str], int]:
    """From 0 to 100; the library that WebShop itself uses.

    Raises:
        ConfigurationError: thefuzz is not installed.
    """
    try:
        from thefuzz import fuzz
    except ImportError as error:
        raise _missing("thefuzz") from error
    return cast("Any", fuzz).token_set_ratio


def _missing(name: str) -> ConfigurationError:
    return ConfigurationError(f"{name} is not installed", hint='pip install "lean-agent[evals]"')
