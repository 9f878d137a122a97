"""The learned gate's fit: a regularised logistic regression of passing for each way. Spec: gating.

scikit-learn (extra [gate]) fits; what it finds is a weight for each feature, which the profile
keeps, so that deciding needs no library.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from lean_agent.errors import ConfigurationError
from lean_agent.gate import Way
from lean_agent.gating.features import BIAS, features

if TYPE_CHECKING:
    from lean_agent.gating.fit import Tried

__all__ = ["learned"]

_STRENGTH: Final = 0.3
"""Inverse of the regularisation: few tasks speak for many features."""


def learned(tried: Sequence[Tried], ways: Sequence[Way]) -> dict[str, dict[str, float]]:
    """Weights by the way's name, then the feature's.

    Raises:
        ConfigurationError: scikit-learn is not installed.
    """
    return {way.name: _weights(tried, way) for way in ways}


def _weights(tried: Sequence[Tried], way: Way) -> dict[str, float]:
    vectorizer, regression = _libraries()
    rows: list[Mapping[str, float]] = []
    passed: list[int] = []
    shares: list[float] = []
    for one in tried:
        if (came := one.came_to(way)) is None:
            continue
        for label, share in ((1, came.passed), (0, 1 - came.passed)):
            if share:
                rows.append(features(one.signals))
                passed.append(label)
                shares.append(share)
    if len(set(passed)) < 2:
        # Nothing to tell apart: the rate alone, drawn a little to the middle.
        rate = (sum(passed) + 0.5) / (len(passed) + 1)
        return {BIAS: math.log(rate / (1 - rate))}
    model = regression(C=_STRENGTH, max_iter=1_000)
    model.fit(vectorizer.fit_transform(rows), passed, sample_weight=shares)
    names: Sequence[str] = vectorizer.get_feature_names_out()
    found = {str(name): float(weight) for name, weight in zip(names, model.coef_[0], strict=True)}
    return {BIAS: float(model.intercept_[0]), **found}


def _libraries() -> tuple[Any, Any]:
    """A DictVectorizer, and the class LogisticRegression."""
    try:
        from sklearn.feature_extraction import (  # pyright: ignore[reportMissingTypeStubs]
            DictVectorizer,
        )
        from sklearn.linear_model import (  # pyright: ignore[reportMissingTypeStubs]
            LogisticRegression,
        )
    except ImportError as error:
        raise ConfigurationError(
            "the learned gate is fitted with scikit-learn, which is not installed",
            hint="pip install 'lean-agent[gate]'",
        ) from error
    return DictVectorizer(sparse=False), LogisticRegression
