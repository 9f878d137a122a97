from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_installs_only_names_of_ours(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = next(n for n in names if n.endswith("entry_points.txt"))
        declared = archive.read(entry_points).decode()
    top = {name.split("/")[0] for name in names}
    packages = {"lean_agent", "lean_agent_evals", "lean_agent_planners", "lean_agent_tools"}
    (metadata,) = top - packages
    assert metadata.startswith("lean_agent-")
    assert metadata.endswith(".dist-info")
    for package in packages:
        assert f"{package}/py.typed" in names
    assert "lean-agent = lean_agent.cli:main" in declared


IMPORT_NAMES = {  # distribution -> import names, where they differ
    "faiss-cpu": {"faiss"},
    "genai-prices": {"genai_prices"},
    "griffelib": {"griffe"},
    "json-repair": {"json_repair"},
    "langchain-openai": {"langchain_openai"},
    "langgraph": {"langgraph", "langchain_core"},
    "langgraph-checkpoint-sqlite": {"langgraph"},
    "mcp": {"mcp", "mcp_types"},
    "openai-agents": {"agents"},
    "opentelemetry-api": {"opentelemetry"},
    "prompt-toolkit": {"prompt_toolkit"},
    "pydantic": {"pydantic", "pydantic_core"},
    "pydantic-ai-slim": {"pydantic_ai"},
    "qdrant-client": {"qdrant_client"},
    "pydantic-monty": {"pydantic_monty"},
    "pystemmer": {"Stemmer"},
    "python-calamine": {"python_calamine"},
    "scikit-learn": {"sklearn"},
    "typing-extensions": {"typing_extensions"},
}


def imported_by(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_what_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    lines = (*project["dependencies"], *(line for extra in extras for line in extra))
    known = set(sys.stdlib_module_names)
    for line in lines:
        name = re.split(r"[<>=!\[]", line)[0].strip()
        known |= IMPORT_NAMES.get(name, {name})
    packages = [
        folder
        for folder in (*ROOT.glob("lean_agent"), *ROOT.glob("*/lean_agent_*"))
        if folder.is_dir()
    ]
    assert len(packages) == 4
    for package in packages:
        for path in package.rglob("*.py"):
            stray = imported_by(path) - known - {p.name for p in packages}
            assert not stray, (path, stray)
