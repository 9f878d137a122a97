from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import genai_prices
import pytest
from genai_prices.data import providers
from genai_prices.types import ModelPrice, TieredPrices

from lean_agent.errors import ConfigurationError
from lean_agent.model import ModelCard
from lean_agent.models.embeddings import OpenAICompatibleEmbedder
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.pricing import PriceTable, embedder_card, list_cost, priced
from lean_agent.models.scripted import ScriptedModel
from lean_agent.price import Price, Rate
from lean_agent.usage import Usage

OWN = """
[models."openai:gpt-4o-mini"]
input = "0.30"
cached_input = 0.01
output = 1

[models."mine:big"]
input = "2"
cache_write = "2.5"
output = "6"

[machines."local:small"]
usd_per_hour = "0.36"

[machines."mine:big"]
usd_per_hour = 3.6
"""


@pytest.fixture
def table(tmp_path: Path) -> PriceTable:
    file = tmp_path / "own.toml"
    file.write_text(OWN)
    return PriceTable(file)


def rate(text: str) -> Rate:
    return Rate(Decimal(text))


def test_the_users_own_price_comes_first_and_is_exact(table: PriceTable, tmp_path: Path) -> None:
    price = table.price("openai:gpt-4o-mini")
    assert price is not None
    assert price.input == rate("0.30")
    assert price.cached_input == rate("0.01"), "a TOML number loses nothing to binary"
    assert price.cache_write == price.input
    assert price.output == rate("1")
    assert price.reference.startswith("own.toml of 20")
    assert PriceTable(tmp_path / "none.toml").price("openai:gpt-4o-mini") != price


def test_the_file_in_the_config_folder_is_found() -> None:
    folder = Path(os.environ["XDG_CONFIG_HOME"], "lean-agent")
    folder.mkdir()
    (folder / "prices.toml").write_text('[models."a:b"]\ninput = 1\noutput = 1\n')
    assert PriceTable().price("a:b") is not None


def test_a_call_costs_what_was_used_to_the_last_digit(table: PriceTable) -> None:
    price = table.price("mine:big")
    assert price is not None
    usage = Usage(
        input_tokens=1_000_007,
        cache_read_input_tokens=500_000,
        cache_creation_input_tokens=100_000,
        output_tokens=3,
        reasoning_output_tokens=2,
    )
    tokens = Decimal("0.800014") + Decimal(1) + Decimal("0.25") + Decimal("0.000018")
    assert price.cost(usage, 0.0) == tokens
    assert price.cost(usage, 10.0) == tokens + Decimal("0.01")


def test_machine_time_is_charged_by_the_second(table: PriceTable) -> None:
    price = table.price("local:small")
    assert price is not None
    assert price.cost(Usage(input_tokens=9_000, output_tokens=9), 2.5) == Decimal("0.00025")
    assert not price.by_token


@pytest.mark.parametrize(
    ("name", "base_url", "known"),
    [
        ("openai:gpt-4o-mini", None, True),
        ("openai:gpt-4o-mini", "https://api.openai.com/v1", True),
        ("openai:gpt-4o-mini", "HTTPS://API.OpenAI.com/v1", True),
        ("openai:gpt-4o-mini", "http://localhost:8000/v1", False),
        ("openai:gpt-4o-mini", "https://proxy.example/v1", False),
        ("openai:gpt-4o-mini", "https://api.openai.com.proxy.example/v1", False),
        ("mine:gpt-4o-mini", "https://api.openai.com/v1", True),
        ("mine:gpt-4o-mini", None, False),
        ("openai:no-such-model-at-all", None, False),
        ("openrouter:openai/gpt-4o-mini", None, True),
        ("deepseek:deepseek-chat", None, True),
        ("moonshot:kimi-k2-0905-preview", None, True),
        ("local:gpt-4o-mini", None, False),
        ("ollama:gpt-4o-mini", None, False),
        ("scripted:test", None, False),
    ],
)
def test_a_price_belongs_to_an_address(
    tmp_path: Path, name: str, base_url: str | None, known: bool
) -> None:
    price = PriceTable(tmp_path / "none.toml").price(name, base_url=base_url)
    assert (price is not None) is known
    if price is not None:
        assert price.reference.startswith(f"genai-prices {genai_prices.__version__}, 20")


def test_a_model_is_priced_at_the_address_it_calls(tmp_path: Path) -> None:
    table = PriceTable(tmp_path / "none.toml")
    hosted = OpenAICompatibleModel("openai:gpt-4o-mini", api_key="k")
    elsewhere = OpenAICompatibleModel("openai:gpt-4o-mini", base_url="http://localhost:1/v1")
    assert table.price_of(hosted) is not None
    assert table.price_of(elsewhere) is None
    assert table.price_of(ScriptedModel([], name="openai:gpt-4o-mini")) is not None


def test_local_models_never_load_the_large_table(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from lean_agent.models.pricing import PriceTable; "
        f"assert PriceTable(Path({str(tmp_path)!r}, 'x')).price('local:small') is None; "
        "assert 'genai_prices' not in sys.modules; assert 'openai' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "google": "https://generativelanguage.googleapis.com/v1beta/openai",
    "deepseek": "https://api.deepseek.com",
    "openrouter": "https://openrouter.ai/api/v1",
    "perplexity": "https://api.perplexity.ai",
}
LISTED = [(p.id, model) for p in providers if p.id in ADDRESSES for model in p.models]


@pytest.mark.slow
@pytest.mark.parametrize("provider", ADDRESSES)
@pytest.mark.parametrize(
    ("fresh", "read", "written", "output"),
    [(1_000, 0, 0, 500), (30_001, 999, 13, 77), (150_000, 120_000, 40_000, 9_000)],
)
def test_costs_equal_the_librarys_own(
    tmp_path: Path, provider: str, fresh: int, read: int, written: int, output: int
) -> None:
    """Tiers, cached tokens and request fees, for every model of the large providers."""
    table = PriceTable(tmp_path / "none.toml")
    prompt = fresh + read + written
    theirs = genai_prices.Usage(
        input_tokens=prompt,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
    )
    ours = Usage(
        input_tokens=prompt,
        cache_read_input_tokens=read,
        cache_creation_input_tokens=written,
        output_tokens=output,
    )
    compared = 0
    for model in (m.id for owner, m in LISTED if owner == provider):
        url = ADDRESSES[provider]
        price = table.price(f"any:{model}", base_url=url)
        if price is None:
            continue
        expected = genai_prices.calc_price(theirs, model, provider_api_url=url).total_price
        assert price.cost(ours, 0.0) == expected, model
        assert expected <= price.worst_case(prompt, output, 0.0), model
        compared += 1
    assert compared >= 2


def test_a_missing_cached_price_is_the_full_one(tmp_path: Path) -> None:
    """Found in the large table, not made up: a model with an input price and no cached one."""
    table = PriceTable(tmp_path / "none.toml")
    price = table.price("openai:gpt-4-turbo")
    assert price is not None
    assert price.cached_input == price.input != Rate(Decimal(0))
    assert price.cache_write == price.input


SELF_HOSTED = ModelCard(self_hosted=True)
PRICE = Price(
    input=rate("1"),
    cached_input=rate("1"),
    cache_write=rate("1"),
    output=rate("1"),
    reference="test",
)
MACHINE = Price(
    input=rate("0"),
    cached_input=rate("0"),
    cache_write=rate("0"),
    output=rate("0"),
    usd_per_hour=Decimal("3.6"),
    reference="test",
)


@pytest.mark.parametrize(
    ("price", "card", "estimated", "cost", "provenance"),
    [
        (PRICE, ModelCard(), False, "0.000005", "measured"),
        (PRICE, ModelCard(), True, "0.000005", "estimated"),
        (PRICE, SELF_HOSTED, False, "0.000005", "measured"),
        (MACHINE, SELF_HOSTED, False, "0.002", "measured"),
        (MACHINE, SELF_HOSTED, True, "0.002", "measured"),
        (None, SELF_HOSTED, True, "0", "estimated+self_hosted"),
        (None, ModelCard(), False, None, "unpriced"),
        (None, ModelCard(), True, None, "estimated+unpriced"),
    ],
)
def test_a_usage_gets_its_cost_and_where_it_comes_from(
    price: Price | None, card: ModelCard, estimated: bool, cost: str | None, provenance: str
) -> None:
    usage = Usage(input_tokens=3, output_tokens=2, cost=None)
    done = priced(usage, price=price, card=card, seconds=2.0, estimated=estimated)
    assert done.cost == (None if cost is None else Decimal(cost))
    assert done.provenance == set(provenance.split("+"))
    assert (done.input_tokens, done.output_tokens) == (3, 2)


def test_a_bill_that_came_with_the_answer_is_kept_and_the_list_price_is_another_matter() -> None:
    billed = Usage(
        input_tokens=3, output_tokens=2, cost=Decimal("0.5"), provenance=frozenset({"measured"})
    )
    for price in (PRICE, None):
        assert priced(billed, price=price, card=ModelCard(), seconds=1, estimated=True) == billed
    assert list_cost(billed, PRICE, 1.0) == Decimal("0.000005")
    assert list_cost(billed, MACHINE, 1.0) == Decimal("0.001")
    assert list_cost(billed, None, 1.0) is None


def test_a_usage_that_merely_says_it_is_free_is_priced() -> None:
    """Zero is the default of the field, so that a model of the user's own may well leave it."""
    free = Usage(input_tokens=3, output_tokens=2)
    assert free.cost == 0
    done = priced(free, price=PRICE, card=ModelCard(), seconds=0, estimated=False)
    assert done.cost == Decimal("0.000005")


def test_an_estimated_usage_stays_one() -> None:
    usage = Usage(input_tokens=3, cost=None, provenance=frozenset({"estimated"}))
    done = priced(usage, price=PRICE, card=ModelCard(), seconds=0, estimated=False)
    assert done.provenance == {"estimated"}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('[models."a:b"\ninput = 1', r"bad\.toml is not TOML: .*line 1", ""),
        ('\n[models."a:b"]\ninput = 1\n', r"bad\.toml, line 2: .*has no output", "output ="),
        ('[models."a:b"]\noutput = 1\ninput = "cheap"', r"line 3: .*'cheap'", "0.15"),
        ('[models."a:b"]\noutput = 1\ninput = -1', r"line 3: ", "0.15"),
        ('[models."a:b"]\noutput = 1\ninput = true', r"line 3: ", "0.15"),
        ('[models."a:b"]\noutput = 1\ninput = nan', r"line 3: ", "0.15"),
        (
            '[models."a:b"]\ninput = 1\noutput = 1\ncached_imput = 1',
            r"line 4: 'cached_imput'",
            "did you mean cached_input?",
        ),
        ('[model."a:b"]\ninput = 1', r"line 1: 'model'", "did you mean models?"),
        (
            "[models.gpt]\ninput = 1\noutput = 1",
            r"line 1: 'gpt' names no provider",
            "provider:model",
        ),
        ('[models]\n"a:b" = 3', r"line 1: .*not a table", ""),
        ('[machines."a:b"]\ninput = 1', r"line 2: 'input'", "usd_per_hour"),
        ("models = 3", r"line 1: models is not a table", ""),
    ],
)
def test_mistakes_in_the_file_are_named_with_their_line(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        PriceTable(file)
    assert hint in caught.value.hint


def test_tiers_of_the_large_table_are_kept(tmp_path: Path) -> None:
    tiered = [
        model.id
        for provider, model in LISTED
        if provider == "google"
        and isinstance(model.prices, ModelPrice)
        and isinstance(model.prices.input_mtok, TieredPrices)
        and model.prices.output_mtok is not None
    ]
    assert tiered, "the table has models with long-context prices"
    price = PriceTable(tmp_path / "x").price(f"google:{tiered[0]}")
    assert price is not None
    assert price.input.tiers


def test_an_embedder_has_a_price_though_it_writes_nothing(tmp_path: Path) -> None:
    table = PriceTable(tmp_path / "none.toml")
    embedder = OpenAICompatibleEmbedder("openai:text-embedding-3-small", api_key="k")
    price = table.price_of_embedder(embedder)
    assert price is not None
    assert price.cost(Usage(input_tokens=1_000_000, cost=None), 0.0) == Decimal("0.02")
    assert table.price("openai:text-embedding-3-small") is None, "as a chat model it is unknown"


@pytest.mark.parametrize(
    ("name", "base_url", "own"),
    [
        ("openai:embed", None, False),
        ("ollama:embed", None, True),
        ("ollama:embed", "http://127.0.0.1:9/v1", False),
    ],
)
def test_only_an_embedder_on_this_machine_is_free(
    name: str, base_url: str | None, own: bool
) -> None:
    embedder = OpenAICompatibleEmbedder(name, base_url=base_url, api_key="k")
    assert embedder_card(embedder).self_hosted is own
