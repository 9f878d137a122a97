from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent.models.embeddings import OpenAICompatibleEmbedder
from lean_agent.models.local_embedder import LocalEmbedder
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.registry import open_embedder, resolve_model
from lean_agent.models.scripted import ScriptedModel

PLUGIN = """
from lean_agent.errors import ConfigurationError
from lean_agent.models.scripted import ScriptedModel
def make(name): return ScriptedModel([], name=f"acme:{name}")
def make_embedder(name):
    from lean_agent.models.embeddings import OpenAICompatibleEmbedder
    return OpenAICompatibleEmbedder(f"acme:{name}", base_url="http://localhost:1/v1")
def nothing(name): return 3
def broken(name): raise RuntimeError("no such thing")
def picky(name): raise ConfigurationError("the acme key is missing", hint="set ACME_KEY")
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a package whose provider ``acme`` is the given function."""

    def install(function: str, group: str = "lean_agent.models") -> None:
        (tmp_path / "acme_models.py").write_text(PLUGIN)
        info = tmp_path / "acme-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Name: acme\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\nacme = acme_models:{function}\n")
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        monkeypatch.delitem(sys.modules, "acme_models", raising=False)

    return install


def test_a_model_stays_what_it_is() -> None:
    model = ScriptedModel([])
    assert resolve_model(model) is model
    with pytest.raises(ConfigurationError, match="is a model already"):
        resolve_model(model, base_url="http://localhost:1/v1")


def test_hosted_providers_have_their_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "k")
    model = resolve_model("openrouter:meta-llama/llama-3:free")
    assert isinstance(model, OpenAICompatibleModel)
    assert model.name == "openrouter:meta-llama/llama-3:free"
    assert model.base_url == "https://openrouter.ai/api/v1"
    assert not model.card.self_hosted
    with pytest.raises(ConfigurationError) as caught:
        resolve_model("groq:llama")
    assert caught.value.hint == "set GROQ_API_KEY, or: lean-agent keys set groq"


def test_servers_of_this_machine_need_no_key_and_are_self_hosted() -> None:
    model = resolve_model("ollama:qwen3:8b")
    assert model.card.self_hosted
    assert not model.card.grammar
    assert resolve_model("llama_cpp:any").card.grammar
    elsewhere = resolve_model("ollama:qwen3:8b", base_url="https://ollama.example/v1")
    assert not elsewhere.card.self_hosted, "nobody knows who pays for it"


def test_any_provider_name_will_do_with_an_address() -> None:
    model = resolve_model("vllm:qwen", base_url="http://localhost:8000/v1")
    assert isinstance(model, OpenAICompatibleModel)
    assert (model.name, model.base_url) == ("vllm:qwen", "http://localhost:8000/v1")


def test_local_models_are_the_embedded_engines() -> None:
    model = resolve_model("local:qwen2.5-coder-0.5b")
    assert type(model).__name__ == "LocalModel"
    assert model.name == "local:qwen2.5-coder-0.5b"
    with pytest.raises(ConfigurationError, match="no base_url"):
        resolve_model("local:x", base_url="http://localhost:1/v1")


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("gpt-4o", "openai:gpt-4o"),
        ("openai", "openai:NAME"),
        ("openai:", "openai:NAME"),
        (":gpt-4o", "provider:model"),
        ("", "provider:model"),
        ("opnai:gpt-4o", "did you mean openai:gpt-4o?"),
        ("zzz:gpt-4o", "known: anthropic, "),
    ],
)
def test_a_wrong_name_is_answered_with_a_right_one(spec: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve_model(spec)
    assert hint in caught.value.hint


def test_installed_packages_bring_providers(installed: Callable[[str], None]) -> None:
    installed("make")
    assert resolve_model("acme:one").name == "acme:one"
    with pytest.raises(ConfigurationError) as caught:
        resolve_model("acne:one")
    assert "did you mean acme:one?" in caught.value.hint


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("nothing", r"acme \(acme_models:nothing\) made a int"),
        ("broken", r"acme \(acme_models:broken\) failed: no such thing"),
        ("missing", r"acme \(acme_models:missing\) failed"),
        ("picky", "the acme key is missing"),
    ],
)
def test_a_plugin_that_fails_is_named(
    installed: Callable[[str], None], function: str, message: str
) -> None:
    installed(function)
    with pytest.raises(ConfigurationError, match=message):
        resolve_model("acme:one")


def test_embedders_are_named_as_models_are(monkeypatch: pytest.MonkeyPatch) -> None:
    local = open_embedder("local:all-minilm-l6-v2")
    assert isinstance(local, LocalEmbedder)
    assert open_embedder(local) is local
    with pytest.raises(ConfigurationError, match="is an embedder already"):
        open_embedder(local, base_url="http://localhost:1/v1")
    with pytest.raises(ConfigurationError) as caught:
        open_embedder("openai:text-embedding-3-small")
    assert caught.value.hint == "set OPENAI_API_KEY, or: lean-agent keys set openai"
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    hosted = open_embedder("openai:text-embedding-3-small")
    assert isinstance(hosted, OpenAICompatibleEmbedder)
    assert (hosted.name, hosted.base_url) == (
        "openai:text-embedding-3-small",
        "https://api.openai.com/v1",
    )
    anywhere = open_embedder("tei:minilm", base_url="http://localhost:8000/v1")
    assert isinstance(anywhere, OpenAICompatibleEmbedder)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("all-minilm-l6-v2", "not an embedder name"),
        ("opnai:any", "no provider called 'opnai'"),
        ("local:nothing", "unknown local model 'nothing'"),
        ("local:qwen2.5-coder-0.5b", "is a chat model, not an embedder"),
    ],
)
def test_a_wrong_embedder_name_is_refused(spec: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        open_embedder(spec)


def test_an_embedder_is_no_chat_model() -> None:
    with pytest.raises(ConfigurationError, match="is an embedder, not a chat model"):
        resolve_model("local:all-minilm-l6-v2")


def test_installed_packages_bring_embedders(
    installed: Callable[..., None],
) -> None:
    installed("make_embedder", group="lean_agent.embedders")
    assert open_embedder("acme:one").name == "acme:one"
    with pytest.raises(ConfigurationError, match="no provider called 'acme'"):
        resolve_model("acme:one")
