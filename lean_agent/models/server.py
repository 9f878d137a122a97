"""The server behind a provider's name: its address, the key, and how calls get there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lean_agent._redact import redact
from lean_agent.errors import ConfigurationError
from lean_agent.models.endpoints import ENDPOINTS, bills
from lean_agent.models.keys import find_key
from lean_agent.models.loop_clients import LoopClients
from lean_agent.models.provider_errors import CallSite

__all__ = ["Server", "request_options"]

_NO_KEY = "no-key"
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """``model`` is the server's own name of the model. ``self_hosted``: on the user's machine."""

    model: str
    base_url: str
    self_hosted: bool
    site: CallSite
    clients: LoopClients

    @classmethod
    def named(cls, name: str, *, base_url: str | None, api_key: str | None) -> Server:
        """The server of ``provider:model``.

        The key and address come from the arguments, else from the provider's variable
        (OPENAI_API_KEY; for ``openai`` also OPENAI_BASE_URL) or the keyring, and its known address.
        A server at an address of the user's own needs no key, and is given none of the keyring's.

        Raises:
            ConfigurationError: no key, no known address, or a name without a provider.
        """
        provider, _, model = name.partition(":")
        if not provider or not model:
            raise ConfigurationError(
                f"no model name: {name!r}", hint="write provider:model, as in openai:gpt-4o-mini"
            )
        endpoint = ENDPOINTS.get(provider)
        if base_url is None and provider == "openai":
            base_url = os.environ.get("OPENAI_BASE_URL") or None
        own_address = base_url is not None
        if base_url is None and endpoint is not None:
            base_url = endpoint.base_url
        if base_url is None:
            raise ConfigurationError(
                f"no address is known for provider {provider!r}",
                hint=f"pass base_url, or use one of: {', '.join(ENDPOINTS)}",
            )
        variable = endpoint.key_variable if endpoint else None
        if api_key is None and variable is not None:
            # What is in the keyring is for the provider, whoever else is at another address.
            api_key = os.environ.get(variable) or None if own_address else find_key(variable)
        if api_key is None and variable is not None and not own_address:
            raise ConfigurationError(
                f"no key for {name}", hint=f"set {variable}, or: lean-agent keys set {provider}"
            )
        site = CallSite(
            model=name,
            host=_host(base_url),
            key_variable=variable,
            secret=api_key or "",
            bills=bills(base_url),
        )
        clients = LoopClients(
            base_url=base_url.rstrip("/"),
            api_key=api_key or _NO_KEY,
            openai_account=provider == "openai",
        )
        return cls(
            model=model,
            base_url=base_url.rstrip("/"),
            self_hosted=endpoint is not None and endpoint.self_hosted and not own_address,
            site=site,
            clients=clients,
        )

    async def post(self, path: str, body: Mapping[str, Any], seconds: float | None) -> Any:
        """The HTTP response, undecoded: the client's own models would only be undone.

        ``seconds`` is how long it may take; None is the client's own.

        Raises:
            Exception: any of ``provider_failures``.
        """
        import httpx2

        async with self.clients.using() as client:
            options = request_options(seconds)  # imports the library, which the client has done
            return await client.post(path, cast_to=httpx2.Response, body=body, options=options)


def _host(base_url: str) -> str:
    """The host and port, without a user name or password.

    Raises:
        ConfigurationError: not an http address.
    """
    try:
        parts = urlsplit(base_url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(
            f"not an address: {redact(base_url)!r}", hint="write it as in http://localhost:8000/v1"
        )
    return parts.hostname + port


def request_options(timeout: float | None) -> Any:
    """Request options: the client's own long timeout unless the request sets one, in seconds."""
    if timeout is None:
        return {}
    from openai import Timeout

    return {"timeout": Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS))}
