"""The user's own prices, from ``prices.toml``.

[models."openai:gpt-x"]      # US dollars per million tokens
input = "0.15"
cached_input = "0.075"       # without it: as input
cache_write = "0.15"         # without it: as input
output = "0.60"

[machines."local:NAME"]
usd_per_hour = "0.10"
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, cast

from lean_agent._toml import read_toml
from lean_agent.errors import ConfigurationError
from lean_agent.price import Price, Rate

__all__ = ["read_prices"]

_KEYS = {
    "models": ("input", "cached_input", "cache_write", "output"),
    "machines": ("usd_per_hour",),
}
_REQUIRED = {"models": ("input", "output"), "machines": ("usd_per_hour",)}
_FREE = Rate(Decimal(0))


def read_prices(path: Path) -> dict[str, Price]:
    """Prices by ``provider:model``; empty where there is no file.

    Raises:
        ConfigurationError: naming the file and, where it is known, the line.
    """
    if (found := read_toml(path)) is None:
        return {}
    text, data = found
    written = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    return _File(path, text, f"{path.name} of {written:%Y-%m-%d}").prices(data)


class _File:
    """One file's text, kept to say which line is wrong."""

    def __init__(self, path: Path, text: str, reference: str) -> None:
        self._path = path
        self._lines = text.splitlines()
        self._reference = reference

    def prices(self, data: Mapping[str, Any]) -> dict[str, Price]:
        for table in data:
            self._check_word(table, tuple(_KEYS), table)
        models = self._entries(data, "models")
        machines = self._entries(data, "machines")
        return {
            name: self._price(models.get(name, {}), machines.get(name, {}))
            for name in models | machines
        }

    def _price(self, rates: Mapping[str, Decimal], machine: Mapping[str, Decimal]) -> Price:
        price = Rate(rates["input"]) if rates else _FREE
        return Price(
            input=price,
            cached_input=Rate(rates.get("cached_input", price.base)),
            cache_write=Rate(rates.get("cache_write", price.base)),
            output=Rate(rates["output"]) if rates else _FREE,
            usd_per_hour=machine.get("usd_per_hour", Decimal(0)),
            reference=self._reference,
        )

    def _entries(self, data: Mapping[str, Any], table: str) -> dict[str, dict[str, Decimal]]:
        entries: dict[str, dict[str, Decimal]] = {}
        for name, entry in self._mapping(data.get(table, {}), table).items():
            where = f'{table}."{name}"'
            provider, _, model = name.partition(":")
            if not provider or not model:
                hint = f'write [{table}."provider:model"]'
                raise self._error(f"{name!r} names no provider", hint, name)
            values = self._mapping(entry, where)
            for key in values:
                self._check_word(key, _KEYS[table], name, key)
            for key in _REQUIRED[table]:
                if key not in values:
                    raise self._error(f"{where} has no {key}", f'add {key} = "..."', name)
            entries[name] = {k: self._money(v, where, name, k) for k, v in values.items()}
        return entries

    def _mapping(self, value: object, where: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._error(f"{where} is not a table", "", where)
        return cast("Mapping[str, Any]", value)

    def _money(self, value: object, where: str, name: str, key: str) -> Decimal:
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
            try:
                money = Decimal(value)
            except InvalidOperation:
                money = Decimal("nan")
            if money.is_finite() and money >= 0:
                return money
        hint = 'write US dollars, as in "0.15"'
        raise self._error(f"{where}.{key} is no price: {value!r}", hint, name, key)

    def _check_word(self, word: str, known: tuple[str, ...], *at: str) -> None:
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise self._error(f"{word!r} means nothing here", hint, *at)

    def _error(self, message: str, hint: str, *at: str) -> ConfigurationError:
        """With the line where the words of ``at`` follow one another, if they do."""
        line = 0
        for word in at:
            line = next((i for i in range(line, len(self._lines)) if word in self._lines[i]), line)
        place = f"{self._path}, line {line + 1}"
        return ConfigurationError(f"{place}: {message}", hint=hint)
