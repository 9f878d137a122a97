"""Providers that speak OpenAI's chat API: where they are and which variable holds their key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ENDPOINTS", "Dialect", "Endpoint", "bills"]

Dialect = Literal["openai", "llama_cpp"]
"""llama_cpp: the server also takes GBNF grammars and slots, and counts tokens when asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """``key_variable`` is None where no key is needed. ``self_hosted``: the user's own machine.

    ``bills``: its answers say what was charged for them.
    """

    base_url: str
    key_variable: str | None = None
    self_hosted: bool = False
    dialect: Dialect = "openai"
    bills: bool = False


ENDPOINTS: dict[str, Endpoint] = {
    "anthropic": Endpoint(
        base_url="https://api.anthropic.com/v1", key_variable="ANTHROPIC_API_KEY"
    ),
    "cerebras": Endpoint(base_url="https://api.cerebras.ai/v1", key_variable="CEREBRAS_API_KEY"),
    "deepseek": Endpoint(base_url="https://api.deepseek.com", key_variable="DEEPSEEK_API_KEY"),
    "fireworks": Endpoint(
        base_url="https://api.fireworks.ai/inference/v1", key_variable="FIREWORKS_API_KEY"
    ),
    "google": Endpoint(
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        key_variable="GEMINI_API_KEY",
    ),
    "groq": Endpoint(base_url="https://api.groq.com/openai/v1", key_variable="GROQ_API_KEY"),
    "llama_cpp": Endpoint(
        base_url="http://localhost:8080/v1", self_hosted=True, dialect="llama_cpp"
    ),
    "mistral": Endpoint(base_url="https://api.mistral.ai/v1", key_variable="MISTRAL_API_KEY"),
    "moonshot": Endpoint(base_url="https://api.moonshot.ai/v1", key_variable="MOONSHOT_API_KEY"),
    "ollama": Endpoint(base_url="http://localhost:11434/v1", self_hosted=True),
    "openai": Endpoint(base_url="https://api.openai.com/v1", key_variable="OPENAI_API_KEY"),
    "openrouter": Endpoint(
        base_url="https://openrouter.ai/api/v1", key_variable="OPENROUTER_API_KEY", bills=True
    ),
    "together": Endpoint(base_url="https://api.together.xyz/v1", key_variable="TOGETHER_API_KEY"),
    "xai": Endpoint(base_url="https://api.x.ai/v1", key_variable="XAI_API_KEY"),
}


def bills(base_url: str) -> bool:
    """Whether what the server at that very address says it charged is the bill.

    Any other server could declare itself free.
    """
    address = base_url.lower().rstrip("/")
    return any(endpoint.bills and endpoint.base_url == address for endpoint in ENDPOINTS.values())
