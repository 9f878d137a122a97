"""From ``provider:model`` to a model or an embedder."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar, cast

from lean_agent.embedder import Embedder
from lean_agent.errors import ConfigurationError, LeanAgentError
from lean_agent.model import Model
from lean_agent.models.endpoints import ENDPOINTS

__all__ = ["open_embedder", "resolve_model"]

_MODELS = "lean_agent.models"
_EMBEDDERS = "lean_agent.embedders"

_Kind = TypeVar("_Kind")


def resolve_model(spec: str | Model, *, base_url: str | None = None) -> Model:
    """The model that ``spec`` names; a model stays what it is.

    ``local:NAME`` is the embedded engine, ``openai:NAME`` and the other providers of
    ``endpoints.ENDPOINTS`` are hosted (or, for ollama and llama_cpp, at their usual local address).
    A provider that none of these know is looked for among the ``lean_agent.models`` entry points of
    installed packages, ``provider = "module:factory"``, where ``factory(model_name)`` makes the
    model. With ``base_url`` any provider name will do for an OpenAI-compatible server there.

    Raises:
        ConfigurationError: with the names that are close, or what to set.
    """
    if not isinstance(spec, str):
        if base_url is not None:
            raise ConfigurationError(
                f"{spec.name} is a model already", hint="give base_url with a name, or to the model"
            )
        return spec
    provider, name = _split(spec, "model", "gpt-4o-mini")
    if provider == "local":
        _no_address(name, base_url)
        from lean_agent.models.local import LocalModel

        return LocalModel(name)
    if provider in ENDPOINTS or base_url is not None:
        from lean_agent.models.openai_compatible import OpenAICompatibleModel

        dialect = ENDPOINTS[provider].dialect if provider in ENDPOINTS else "openai"
        return OpenAICompatibleModel(spec, base_url=base_url, dialect=dialect)
    return _plugged(_MODELS, provider, name, Model)


def open_embedder(
    spec: str | Embedder, *, base_url: str | None = None, api_key: str | None = None
) -> Embedder:
    """The embedder that ``spec`` names (``local:all-minilm-l6-v2``, or as of ``resolve_model``).

    Those of other kinds of servers are looked for among the ``lean_agent.embedders`` entry points
    of installed packages. Nothing is sent or loaded before it is asked to embed.

    Raises:
        ConfigurationError: with the names that are close, or what to set.
    """
    if not isinstance(spec, str):
        if base_url is not None or api_key is not None:
            raise ConfigurationError(
                f"{spec.name} is an embedder already",
                hint="give base_url and api_key with a name, or to the embedder",
            )
        return spec
    provider, name = _split(spec, "embedder", "text-embedding-3-small")
    if provider == "local":
        _no_address(name, base_url)
        from lean_agent.models.local_embedder import LocalEmbedder

        return LocalEmbedder(name)
    if provider in ENDPOINTS or base_url is not None:
        from lean_agent.models.embeddings import OpenAICompatibleEmbedder

        return OpenAICompatibleEmbedder(spec, base_url=base_url, api_key=api_key)
    return _plugged(_EMBEDDERS, provider, name, Embedder)


def _split(spec: str, what: str, example: str) -> tuple[str, str]:
    provider, colon, name = spec.partition(":")
    if colon and provider and name:
        return provider, name
    word = spec.strip(":") or example
    fitting = f"local:{word} or openai:{word}"
    if word in {"local", *ENDPOINTS}:
        fitting = f"{word}:NAME"
    raise ConfigurationError(
        f"not {'an' if what[0] in 'aeiou' else 'a'} {what} name: {spec!r}",
        hint=f"write provider:model, as in {fitting}",
    )


def _no_address(name: str, base_url: str | None) -> None:
    if base_url is not None:
        raise ConfigurationError(
            "local models have no base_url", hint=f"use llama_cpp:{name} for a server of your own"
        )


def _plugged(group: str, provider: str, name: str, kind: type[_Kind]) -> _Kind:
    plugins = {point.name: point for point in entry_points(group=group)}
    if provider not in plugins:
        known = ["local", *ENDPOINTS, *plugins]
        near = difflib.get_close_matches(provider, known, n=1)
        hint = f"did you mean {near[0]}:{name}?" if near else f"known: {', '.join(sorted(known))}"
        raise ConfigurationError(
            f"no provider called {provider!r}",
            hint=f"{hint} For another OpenAI-compatible server give its base_url.",
        )
    return _made(plugins[provider], name, kind)


def _made(point: EntryPoint, name: str, kind: type[_Kind]) -> _Kind:
    what = kind.__name__.lower()
    try:
        factory = cast("Callable[[str], object]", point.load())
        made = factory(name)
    except LeanAgentError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"the {what} plugin {point.name} ({point.value}) failed: {error}",
            hint="update or remove the package that brings it",
        ) from error
    if not isinstance(made, kind):
        raise ConfigurationError(
            f"the {what} plugin {point.name} ({point.value}) made a {type(made).__name__}, "
            f"no {kind.__name__}"
        )
    return made
