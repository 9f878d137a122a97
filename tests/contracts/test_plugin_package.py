"""A package of somebody else's, built, installed and found by its entry points."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "plugin_package"


@pytest.mark.slow
def test_a_package_brings_a_tool_a_suite_and_a_planner(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(PACKAGE, source)
    install = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--offline"]
    install += ["--no-deps", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*install, "--target", str(target), str(source)], check=True, timeout=120)
    done = subprocess.run(
        [sys.executable, str(source / "check_installed.py")],
        env={**os.environ, "PYTHONPATH": str(target)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    used, tools, validated = map(json.loads, done.stdout.splitlines())
    assert used == {"problems": [], "output": "4 + 4", "mode": "plan", "steps": 0}
    assert tools["code"] == validated["code"] == 0
    assert "coin_value" in tools["text"]
    assert "coins is valid" in validated["text"]
