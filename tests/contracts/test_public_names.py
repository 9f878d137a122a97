from __future__ import annotations

import subprocess
import sys
import types

import lean_agent


def test_all_is_sorted_and_every_name_loads() -> None:
    assert lean_agent.__all__ == sorted(lean_agent.__all__)
    for name in lean_agent.__all__:
        assert getattr(lean_agent, name) is not None


def test_public_names_equal_all() -> None:
    for name in lean_agent.__all__:
        getattr(lean_agent, name)
    public = {
        name
        for name, value in vars(lean_agent).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    } - {"annotations", "TYPE_CHECKING"}
    assert public == set(lean_agent.__all__)
    assert dir(lean_agent) == lean_agent.__all__


def test_importing_the_package_loads_no_library() -> None:
    script = "import sys, lean_agent; print(' '.join(m.split('.')[0] for m in sys.modules))"
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
    )
    heavy = {"langgraph", "openai", "faiss", "duckdb", "numpy", "pydantic", "rich", "typer"}
    assert loaded & heavy == set()
