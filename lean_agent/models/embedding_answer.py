"""The answer of an embeddings endpoint: one good vector for each text, or an error."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from lean_agent.errors import LeanAgentError, ModelError
from lean_agent.models.provider_errors import CallSite, answer_error
from lean_agent.models.usage_report import read_usage
from lean_agent.models.wire import as_mapping
from lean_agent.usage import Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["read_embeddings"]


def read_embeddings(
    content: bytes, count: int, site: CallSite, estimated: Usage
) -> tuple[NDArray[np.float32], Usage]:
    """The vectors of ``count`` texts in their order, of length 1, and what they took.

    A vector may be a list of numbers or base64 of little-endian float32. ``estimated`` stands in
    for a usage that the server does not report.

    Raises:
        ModelError: another number of vectors, or some that are no vectors of one space.
        ValueError: ``content`` is not JSON.
    """
    data = as_mapping(json.loads(content))
    reported = {"completion_tokens": 0, **as_mapping(data.get("usage"))}
    usage = read_usage({"usage": reported}, billed=site.bills) or estimated
    rows: object = data.get("data")
    if not isinstance(rows, list):
        raise _no_vectors(data, site, usage)
    entries = [as_mapping(row) for row in cast("list[object]", rows)]
    try:
        return _unit_vectors(_in_order(entries, count)), usage
    except ValueError as error:
        raise ModelError(f"{site.host} sent {error}", usage=usage, model=site.model) from None


def _no_vectors(data: Mapping[str, Any], site: CallSite, usage: Usage) -> LeanAgentError:
    reported: object = data.get("error")
    if not reported:
        message = f"{site.host} sent no embeddings"
        return ModelError(message, usage=usage, model=site.model, retryable=True)
    error = {"message": reported} if isinstance(reported, str) else as_mapping(reported)
    return answer_error(error, site, usage)


def _in_order(entries: Sequence[Mapping[str, Any]], count: int) -> list[object]:
    """The vectors as sent, in the order of the texts.

    Raises:
        ValueError: there is not one for each text.
    """
    if len(entries) != count:
        raise ValueError(f"{len(entries)} embeddings for {count} texts")
    # A server that leaves the index out can only mean the order of the texts.
    indexes = [entry.get("index", position) for position, entry in enumerate(entries)]
    by_index = dict(zip(indexes, entries, strict=True))
    if set(by_index) != set(range(count)):
        raise ValueError("embeddings that are not one for each text")
    return [by_index[position].get("embedding") for position in range(count)]


def _unit_vectors(sent: Sequence[object]) -> NDArray[np.float32]:
    """The rows, each of length 1.

    Raises:
        ValueError: they are not numbers, not finite, all zero, or of different dimensions.
    """
    import numpy as np

    rows = [_row(one) for one in sent]
    if len({row.shape for row in rows}) != 1:
        raise ValueError("embeddings of different dimensions")
    vectors = np.stack(rows)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ValueError("embeddings that are not finite or have no direction")
    return (vectors / lengths).astype(np.float32)


def _row(sent: object) -> NDArray[np.float64]:
    import numpy as np

    try:
        if isinstance(sent, str):
            raw = base64.b64decode(sent, validate=True)
            row = np.frombuffer(raw, dtype="<f4").astype(np.float64)
        else:
            row = np.asarray(sent, dtype=np.float64)
    except (TypeError, ValueError):
        row = np.empty(0)
    if row.ndim != 1 or not row.size:
        raise ValueError("what is no embedding")
    return row
