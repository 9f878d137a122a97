from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lean_agent.context import RunContext
from lean_agent.errors import ConfigurationError
from lean_agent.plugins import load_corpus_tools, load_planners, load_tools
from lean_agent.tool_spec import ToolSpec

PLUGIN = """
from test_plugins import NamedTool
good = NamedTool("good")
twin = NamedTool("good")
not_a_tool = 3
class Planner:
    domains = ()
    def recognise(self, task, files=(), *, forced=False): ...
    async def solve(self, recognised): ...
    async def devise(self, task, ask): ...
planner = Planner()
def over(folder):
    return NamedTool("search_" + folder.name)
def picky(folder):
    from lean_agent.errors import ConfigurationError
    raise ConfigurationError("no documents in it")
"""


class NamedTool:
    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(name=self._name, description="d", parameters={"type": "object"})

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        return ""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns a function that installs a package with the given entry points."""
    monkeypatch.setitem(sys.modules, "test_plugins", sys.modules[__name__])

    def install(group: str, **points: str) -> None:
        (tmp_path / "plug_ok.py").write_text(PLUGIN)
        (tmp_path / "plug_raises.py").write_text("raise RuntimeError('first\\nsecond')")
        (tmp_path / "plug_exits.py").write_text("import sys; sys.exit('bye')")
        info = tmp_path / "plug-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Name: plug\nVersion: 1.0\n")
        lines = [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
        (info / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        for name in ("plug_ok", "plug_raises", "plug_exits"):
            monkeypatch.delitem(sys.modules, name, raising=False)

    return install


def test_broken_plugins_cost_a_line_each_and_no_run(installed: Any) -> None:
    installed(
        "lean_agent.tools",
        d_good="plug_ok:good",
        a_missing="no_such_module:x",
        b_raises="plug_raises:x",
        c_exits="plug_exits:x",
        e_twin="plug_ok:twin",
        f_number="plug_ok:not_a_tool",
        g_gone="plug_ok:gone",
    )
    lines: list[str] = []
    assert list(load_tools(lines.append)) == ["good"]
    assert len(lines) == 6
    assert all("\n" not in line and "skipped" in line for line in lines)
    assert "RuntimeError: first second" in lines[1]
    assert "d_good" in next(line for line in lines if "e_twin" in line)


def test_corpus_tools_are_made_for_the_folder(installed: Any, tmp_path: Path) -> None:
    installed("lean_agent.corpus_tools", over="plug_ok:over")
    folder = tmp_path / "docs"
    assert [tool.spec.name for tool in load_corpus_tools(folder)] == ["search_docs"]


def test_planners_are_found_and_what_is_none_costs_a_line(installed: Any) -> None:
    installed("lean_agent.planners", a="plug_ok:planner", b="plug_ok:good", c="plug_raises:x")
    lines: list[str] = []
    assert [type(planner).__name__ for planner in load_planners(lines.append)] == ["Planner"]
    assert [line.split(" skipped: ")[0] for line in lines] == [
        "note: planner b (plug_ok:good)",
        "note: planner c (plug_raises:x)",
    ]


def test_a_folder_that_will_not_do_is_the_users_to_hear(installed: Any, tmp_path: Path) -> None:
    installed("lean_agent.corpus_tools", picky="plug_ok:picky")
    with pytest.raises(ConfigurationError, match="no documents in it"):
        load_corpus_tools(tmp_path)
