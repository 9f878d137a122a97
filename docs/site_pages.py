"""What mkdocs is told beside mkdocs.yml: pages that lie outside docs/, or are made at each build.

The references of commands and names are made from the program itself, so they cannot be stale.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]

PAGES = {  # in the repository: in the site
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
_LINKED = ("LICENSE", "examples")
_TEXT = frozenset({".csv", ".json", ".jsonl", ".md", ".pddl", ".py", ".txt"})
_LINK = re.compile(r"\]\((?!\w+:)([^()#\s]+)((?:#[^()\s]*)?)\)")

_CONTRACTS = {
    "To write a planning domain": (
        "lean_agent_planners.domain.Domain",
        "lean_agent_planners.domain.Problem",
        "lean_agent_planners.domain.Plan",
    ),
    "To write a suite": (
        "lean_agent_evals.suite.Suite",
        "lean_agent_evals.suite.Episode",
        "lean_agent_evals.task.Task",
        "lean_agent_evals.task.Score",
    ),
    "What a stream yields": ("lean_agent.events",),
    "What is raised": ("lean_agent.errors",),
    "To check what you wrote": (
        "lean_agent.testing.check_tool",
        "lean_agent.testing.check_model",
        "lean_agent.testing.check_planner",
        "lean_agent.testing.check_budget_store",
        "lean_agent.testing.check_retriever",
    ),
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, and the files that pages link to."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    files.append(File.generated(config, "commands.md", content=commands()))
    files.append(File.generated(config, "api.md", content=api()))
    for name in _LINKED:
        for path in _files(ROOT / name):
            uri = path.relative_to(ROOT).as_posix()
            # Under another suffix mkdocs would make pages of the example documents.
            uri = f"{uri}.txt" if uri.endswith(".md") else uri
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_unused: object) -> str:
    """Links are written for readers of the repository; where a page stands elsewhere, they move."""
    uri = page.file.src_uri
    source = next((ours for ours, theirs in PAGES.items() if theirs == uri), f"docs/{uri}")
    here = posixpath.dirname(source)

    def moved(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(here, link[1]))
        in_site = PAGES.get(target, target.removeprefix("docs/"))
        relative = posixpath.relpath(in_site, posixpath.dirname(uri) or ".")
        return f"]({relative}{link[2]})"

    return _LINK.sub(moved, markdown)


def commands() -> str:
    """Every command with its options, from the program itself."""
    import typer
    import typer.main
    from typer.cli import get_docs_for_click

    from lean_agent.cli.app import app

    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="lean-agent")
    text = get_docs_for_click(obj=command, ctx=context, name="lean-agent", title="Every command")
    return f"{text.strip()}\n"


def api() -> str:
    """What ``from lean_agent import ...`` gives, what a run sends and raises, and contracts."""
    import lean_agent

    lines = ["# Python API", "", "## `lean_agent`", ""]
    lines += [f"::: lean_agent.{name}\n" for name in lean_agent.__all__]
    for title, names in _CONTRACTS.items():
        lines += [f"## {title}", "", *(f"::: {name}\n" for name in names)]
    return "\n".join(lines)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(
        file for file in path.rglob("*") if file.suffix in _TEXT and "__pycache__" not in file.parts
    )
