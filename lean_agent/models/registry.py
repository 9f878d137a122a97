"""From ``provider:model`` to a model."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from lean_agent.errors import ConfigurationError, LeanAgentError
from lean_agent.model import Model
from lean_agent.models.endpoints import ENDPOINTS

__all__ = ["resolve_model"]

_GROUP = "lean_agent.models"


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
    provider, colon, name = spec.partition(":")
    if not colon or not provider or not name:
        raise ConfigurationError(
            f"not a model name: {spec!r}", hint=f"write provider:model, as in {_example(spec)}"
        )
    if provider == "local":
        return _local(name, base_url)
    if provider in ENDPOINTS or base_url is not None:
        from lean_agent.models.openai_compatible import OpenAICompatibleModel

        dialect = ENDPOINTS[provider].dialect if provider in ENDPOINTS else "openai"
        return OpenAICompatibleModel(spec, base_url=base_url, dialect=dialect)
    plugins = {point.name: point for point in entry_points(group=_GROUP)}
    if provider in plugins:
        return _plugged(plugins[provider], name)
    known = ["local", *ENDPOINTS, *plugins]
    near = difflib.get_close_matches(provider, known, n=1)
    hint = f"did you mean {near[0]}:{name}?" if near else f"known: {', '.join(sorted(known))}"
    raise ConfigurationError(
        f"no provider called {provider!r}",
        hint=f"{hint} For another OpenAI-compatible server give its base_url.",
    )


def _example(spec: str) -> str:
    word = spec.strip(":") or "gpt-4o-mini"
    if word in {"local", *ENDPOINTS}:
        return f"{word}:NAME"
    return f"local:{word} or openai:{word}"


def _local(name: str, base_url: str | None) -> Model:
    if base_url is not None:
        raise ConfigurationError(
            "local models have no base_url", hint=f"use llama_cpp:{name} for a server of your own"
        )
    from lean_agent.models.local import LocalModel

    return LocalModel(name)


def _plugged(point: EntryPoint, name: str) -> Model:
    try:
        factory = cast("Callable[[str], object]", point.load())
        model = factory(name)
    except LeanAgentError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"the model plugin {point.name} ({point.value}) failed: {error}",
            hint="update or remove the package that brings it",
        ) from error
    if not isinstance(model, Model):
        raise ConfigurationError(
            f"the model plugin {point.name} ({point.value}) made a {type(model).__name__}, no Model"
        )
    return model
