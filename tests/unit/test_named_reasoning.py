"""Ways to reason by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent.reasoning import Reasoning
from lean_agent.thinking.early_stop import EarlyStopping
from lean_agent.thinking.named import resolve_reasoning
from lean_agent.thinking.plain import Plain
from lean_agent.thinking.within import Within

PLUGIN = """
from lean_agent.errors import ConfigurationError
from lean_agent.thinking.plain import Plain
number = int
def picky():
    raise ConfigurationError("no key for it")
def broken():
    raise KeyError("x")
"""


@pytest.fixture(autouse=True)
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "way_plug.py").write_text(PLUGIN)
    (tmp_path / "way_exits.py").write_text("import sys; sys.exit('bye')")
    info = tmp_path / "way-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: way\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[lean_agent.reasoning]\nown-way = way_plug:Plain\nnumber = way_plug:number\n"
        "picky = way_plug:picky\nbroken = way_plug:broken\nexits = way_exits:Way\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])


@pytest.mark.parametrize("name", ["plain", "own-way", "credits", "uniform", "outline"])
def test_built_in_and_installed_ways(name: str) -> None:
    way = resolve_reasoning(name)
    assert isinstance(way, Reasoning)
    limited = resolve_reasoning(f"{name}@300+early-stop")
    assert isinstance(limited, EarlyStopping)
    assert isinstance(limited.strategy, Within)
    assert limited.strategy.tokens == 300
    assert limited.most_calls == way.most_calls
    assert isinstance(resolve_reasoning(f"{name}+early-stop"), EarlyStopping)


def test_an_object_stays_what_it_is() -> None:
    way = Plain()
    assert resolve_reasoning(way) is way


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nope", "called 'nope'"),
        ("plain@", "names no way"),
        ("plain@007", "names no way"),
        ("own way", "names no way"),
        ("number", "is a int, no Reasoning"),
        ("picky", "no key for it"),
        ("broken", "does not load: 'x'"),
        ("exits", "does not load: bye"),
    ],
)
def test_what_does_not_do_is_refused_in_one_line(name: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        resolve_reasoning(name)
    assert "\n" not in caught.value.message


def test_the_names_there_are_are_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve_reasoning("nope")
    for name in ("plain", "credits", "own-way"):
        assert name in str(caught.value.hint)
