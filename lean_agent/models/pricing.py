"""What a model costs: the user's own prices first, then genai-prices' table, else nobody knows.

A price belongs to an address, not to a name: the same name at another server is another offer.
Hosted models are therefore looked up by the address that is really called.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lean_agent._paths import config_dir
from lean_agent.embedder import Embedder
from lean_agent.model import Model, ModelCard
from lean_agent.models.endpoints import ENDPOINTS
from lean_agent.models.price_file import read_prices
from lean_agent.price import Price, Rate
from lean_agent.usage import Provenance, Usage

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation, TieredPrices

__all__ = ["PriceTable", "embedder_card", "list_cost", "priced"]


def list_cost(usage: Usage, price: Price | None, seconds: float) -> Decimal | None:
    """US dollars for ``usage`` by the price table, whoever bills something else; None: unknown.

    ``seconds`` is the machine time that the call is charged with.
    """
    return None if price is None else price.cost(usage, seconds)


def priced(
    usage: Usage, *, price: Price | None, card: ModelCard, seconds: float, estimated: bool
) -> Usage:
    """``usage`` with what is billed for it and where that comes from.

    A bill that came with the answer (``measured`` by whoever read it from a provider known to
    report its bills) is kept. Without a price a self-hosted model costs 0, marked ``self_hosted``;
    any other has an unknown cost, marked ``unpriced``: it is never free. ``estimated`` token counts
    are marked too, unless the price does not depend on them.
    """
    if usage.cost is not None and "measured" in usage.provenance:
        return usage
    marks: set[Provenance] = set()
    if estimated or "estimated" in usage.provenance:
        marks.add("estimated")
    if price is not None:
        cost = price.cost(usage, seconds)
        if not (marks and price.by_token):
            marks = {"measured"}
    elif card.self_hosted:
        cost = Decimal(0)
        marks.add("self_hosted")
    else:
        cost = None
        marks.add("unpriced")
    return replace(usage, cost=cost, provenance=frozenset(marks))


def embedder_card(embedder: Embedder) -> ModelCard:
    """What ``priced`` asks of an embedder: without a price only one on this machine is free."""
    provider = embedder.name.partition(":")[0]
    endpoint = ENDPOINTS.get(provider)
    own = provider == "local"
    if endpoint is not None and endpoint.self_hosted:
        own = _address(embedder) in {None, endpoint.base_url}
    return ModelCard(self_hosted=own)


def _address(of: Model | Embedder) -> str | None:
    base_url: object = getattr(of, "base_url", None)
    return base_url if isinstance(base_url, str) else None


class PriceTable:
    """Prices by ``provider:model``.

    ``path`` is the user's file (by default ``prices.toml`` in the config folder). genai-prices is
    asked only about hosted models, from the snapshot that came with it; it is never updated from
    the network. Its first use takes about 0.6 s (the import): call ``price`` in a thread then.

    Raises:
        ConfigurationError: the user's file is wrong; names the line.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._own = read_prices(path or config_dir() / "prices.toml")
        self._known: dict[tuple[str, str, bool], Price | None] = {}

    def price_of(self, model: Model) -> Price | None:
        """The price of a model at the address it calls."""
        return self.price(model.name, base_url=_address(model))

    def price_of_embedder(self, embedder: Embedder) -> Price | None:
        """The same; lists give it no price for output, of which it has none."""
        return self.price(embedder.name, base_url=_address(embedder), embeds=True)

    def price(
        self, model_name: str, *, base_url: str | None = None, embeds: bool = False
    ) -> Price | None:
        """The price now, or None: unknown, or self-hosted without a rate.

        Without ``base_url`` the provider's own address is meant. ``embeds``: it writes nothing.
        """
        if own := self._own.get(model_name):
            return own
        provider, _, model = model_name.partition(":")
        endpoint = ENDPOINTS.get(provider)
        if base_url is None and endpoint is not None and not endpoint.self_hosted:
            base_url = endpoint.base_url
        if base_url is None:
            return None
        key = (base_url.lower(), model, embeds)
        if key in self._known:
            return self._known[key]
        price, lasting = _listed(*key)
        if lasting:
            self._known[key] = price
        return price


def _listed(base_url: str, model: str, embeds: bool) -> tuple[Price | None, bool]:
    """genai-prices' price, and whether it is the same at every hour and date."""
    import genai_prices

    host = urlsplit(base_url).hostname or ""
    nothing = genai_prices.Usage(input_tokens=0, output_tokens=0)
    now = datetime.now(tz=UTC)
    try:
        found = genai_prices.calc_price(
            nothing, model, provider_api_url=base_url, genai_request_timestamp=now
        )
    except LookupError:
        return None, True
    # Its patterns have no end: "https://api.openai.com" is also how another host may begin.
    match = re.match(found.provider.api_pattern, base_url)
    if match is None or not _covers(match, base_url, host):
        return None, True
    return _price(found, now, embeds), not isinstance(found.model.prices, list)


def _covers(match: re.Match[str], base_url: str, host: str) -> bool:
    """Whether the pattern matched the whole host name, or ends in a dot to leave its end open."""
    return match.end() >= base_url.index(host) + len(host) or match.group().endswith(".")


def _price(found: PriceCalculation, now: datetime, embeds: bool) -> Price | None:
    import genai_prices

    prices = found.model_price
    reference = f"genai-prices {genai_prices.__version__}, {now:%Y-%m-%d}"
    rate, output = _rate(prices.input_mtok), _rate(prices.output_mtok)
    if embeds and output is None:
        output = Rate(Decimal(0))
    if rate is None or output is None:
        return None
    request = prices.requests_kcount
    return Price(
        input=rate,
        cached_input=_rate(prices.cache_read_mtok) or rate,
        cache_write=_rate(prices.cache_write_mtok) or rate,
        output=output,
        per_request=request.scaleb(-3) if isinstance(request, Decimal) else Decimal(0),
        reference=reference,
    )


def _rate(value: Decimal | TieredPrices | None) -> Rate | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        return Rate(value)
    return Rate(value.base, tuple((tier.start, tier.price) for tier in value.tiers))
