"""Build the package and try it where nothing else is installed, alone and with each extra.

    python .ci/release_check.py [EXTRA ...]

All extras of pyproject.toml when none is named. dist/ then holds the files that were checked.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
UV = str(Path(sys.executable).parent / "uv")

EVERYWHERE = "import lean_agent as l; [getattr(l, n) for n in l.__all__]; print(l.__version__)"
ALONE = ("--version", "tools list", "plan solve game24 '3 3 8 8'", "ledger summary")
"""Commands that the package without extras must be able to do."""

SHOWS = {  # what shows that an extra is whole: a command, or lines of Python
    "babyai": "import lean_agent_evals.suites.babyai.suite",
    "baselines": "import langchain, langchain_openai, agents, pydantic_ai, smolagents",
    "evals": "lean-agent eval validate gaia-like --count 3",
    "files": "import lean_agent_tools._table_reader, python_calamine",
    "gate": "import sklearn.linear_model; import lean_agent_evals.gate_cli",
    "keyring": "import keyring; keyring.get_keyring()",
    "langchain": "import langchain_core.tools",
    "local": "lean-agent models list",
    "mcp": "import mcp",
    "otel": "from lean_agent.telemetry import OpenTelemetry; OpenTelemetry()",
    "postgres": "import psycopg, psycopg_pool, langgraph.checkpoint.postgres.aio",
    "qdrant": "import lean_agent.retrieval.qdrant_push",
    "ray": "import ray; import lean_agent_evals.on_ray.cluster",
}


def main(wanted: list[str]) -> int:
    """Build, then try each; ends with the number of those that failed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = sorted(project["optional-dependencies"])
    if unknown := set(wanted) - set(extras):
        print(f"no such extra: {', '.join(sorted(unknown))}; there are {', '.join(extras)}")
        return 2
    if untold := set(extras) - set(SHOWS):
        print(f"say in SHOWS what shows that these are whole: {', '.join(sorted(untold))}")
        return 2
    wheel = build(project["version"])
    failed = [extra for extra in ["", *(wanted or extras)] if not holds(wheel, extra)]
    print(f"{wheel.name}: " + (f"failed: {failed}" if failed else "all hold"))
    return len(failed)


def build(version: str) -> Path:
    """The sdist, and from it the wheel."""
    run(UV, "build", "--quiet", "--out-dir", str(DIST), str(ROOT))
    (wheel,) = DIST.glob(f"lean_agent-{version}-*.whl")
    return wheel


def holds(wheel: Path, extra: str) -> bool:
    """Whether the wheel works in an environment of its own with this extra, "" for none."""
    began = time.monotonic()
    name = f"{wheel}[{extra}]" if extra else str(wheel)
    with tempfile.TemporaryDirectory(prefix="lean-agent-release-") as folder:
        home = Path(folder)
        python = home / "venv" / "bin" / "python"
        try:
            run(UV, "venv", "--quiet", "--python", sys.executable, str(home / "venv"))
            run(UV, "pip", "install", "--quiet", "--python", str(python), name)
            run(str(python), "-c", EVERYWHERE, home=home)
            for command in ("--help", *(() if extra else ALONE)):
                shell(f"lean-agent {command}", python.parent, home)
            if shows := SHOWS.get(extra):
                if shows.startswith("lean-agent"):
                    shell(shows, python.parent, home)
                else:
                    run(str(python), "-c", shows, home=home)
        except subprocess.CalledProcessError as error:
            print(f"[{extra or 'alone'}] FAILED: {error.cmd}\n{error.stdout}{error.stderr}")
            return False
    print(f"[{extra or 'alone'}] holds ({time.monotonic() - began:.0f} s)")
    return True


def shell(line: str, programs: Path, home: Path) -> None:
    """A command as a user types it, with nothing of this machine's user about."""
    run("bash", "-c", f'PATH="{programs}:$PATH"; {line}', home=home)


def run(*command: str, home: Path | None = None) -> None:
    """Run it; CalledProcessError if it fails."""
    environment = None
    if home is not None:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
    subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=home)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
