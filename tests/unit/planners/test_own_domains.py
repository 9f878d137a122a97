"""Domains of the user's own: one file, from the command line, in the data folder, in plan mode."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cli import in_process
from support.fake_openai import FakeOpenAI, Reply

from lean_agent.errors import ConfigurationError
from lean_agent_planners import library, own_domains
from lean_agent_planners.domain import Domain, InvalidPlanError, Plan
from lean_agent_planners.domain_planner import DomainPlanner
from lean_agent_planners.library import load_domain, stored_planner
from lean_agent_planners.plan_tool import PlanTool
from lean_agent_planners.solving import solve
from lean_agent_planners.thought_of_search.checking import first_complaint

EXAMPLE = Path(__file__).parents[3] / "examples" / "planning" / "water_jugs.py"
TASK = "There are jugs of 3 and 5 litres. How do I measure exactly 4 litres? Find the steps."


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of domains."""
    folder = tmp_path / "domains"
    folder.mkdir()
    monkeypatch.setattr(own_domains, "domains_dir", lambda: folder)
    return folder


@pytest.fixture
def jugs() -> Domain:
    return load_domain(str(EXAMPLE))


async def test_the_example_holds_its_own_tests(jugs: Domain) -> None:
    planner = stored_planner(jugs)
    assert await first_complaint(planner.code, jugs) is None
    solution = await solve(jugs, planner, "3 5: 4")
    assert (solution.status, solution.problem) == ("solved", "")
    assert solution.answer is not None
    assert solution.answer.splitlines()[-1].endswith(": [3, 4]")
    assert (await solve(jugs, planner, "2 4: 3")).status == "unsolvable"


def test_the_command_line_takes_the_file(tmp_path: Path) -> None:
    ended = in_process("plan", "solve", str(EXAMPLE), "3 5: 4", "--json", folder=tmp_path)
    assert (ended.code, ended.json["status"]) == (0, "solved")
    assert ended.json["planner"] == "hand-written reference"
    (tmp_path / "a.txt").write_text("3 5: 4\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("2 4: 3\n", encoding="utf-8")
    bench = ("plan", "bench", str(EXAMPLE), "--data", str(tmp_path), "--json")
    assert in_process(*bench, folder=tmp_path).json["solved and validated"] == 1


def test_in_the_users_folder_it_is_known_by_name(own: Path, tmp_path: Path) -> None:
    (own / "water_jugs.py").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    (own / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    ended = in_process("plan", "solve", "water_jugs", "3 5: 4", folder=tmp_path)
    assert ended.code == 0
    listed = in_process("plan", "list", "--json", folder=tmp_path)
    assert "water_jugs" in [row["domain"] for row in listed.json]
    assert listed.err.splitlines() == [
        f"note: broken skipped: {own / 'broken.py'} fails: ZeroDivisionError: division by zero"
    ]


async def test_plan_mode_and_the_tool_know_it(own: Path) -> None:
    (own / "water_jugs.py").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    (own / "broken.py").write_text("import no_such_module\n", encoding="utf-8")
    planner = DomainPlanner()
    assert planner.domains[-1] == "water_jugs"
    found = planner.recognise(TASK)
    assert found is not None
    assert (found.domain, found.instance) == ("water_jugs", "3 5: 4")
    assert (await planner.solve(found)).status == "solved"
    assert planner.recognise(TASK.replace("Find the steps.", "Why is that?")) is None
    assert "water_jugs" in PlanTool(planner).spec.parameters["properties"]["domain"]["enum"]


def test_what_a_model_wrote_stands_for_functions_that_the_file_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    file = tmp_path / "water_jugs.py"
    file.write_text(text[: text.index("def successors")], encoding="utf-8")
    without = in_process("plan", "solve", str(file), "3 5: 4", folder=tmp_path)
    assert (without.code, "plan learn" in without.err) == (2, True)
    asked = ("plan", "learn", str(file), "--model", "fake:writer", "--calls", "2")
    with FakeOpenAI() as server:
        server.say(*[Reply(text="I would rather not.")] * 2)
        assert in_process(*asked, "--base-url", server.url, folder=tmp_path).code == 1
    monkeypatch.setattr(library, "planners_dir", lambda: tmp_path)
    domain = load_domain(str(file))
    code = stored_planner(load_domain(str(EXAMPLE))).code
    making = library.Making(model="fake:writer", seed=0, calls=2, tokens=9, cost="0", seconds=1.0)
    library.keep(domain, code, making)
    solved = in_process("plan", "solve", str(file), "3 5: 4", "--json", folder=tmp_path)
    assert (solved.code, solved.json["status"]) == (0, "solved")
    assert solved.json["planner"].startswith("learned by fake:writer")


BAD = {
    "syntax": "def (:\n",
    "raises": "raise ValueError('first\\nsecond')\n",
    "exits": "import sys\nsys.exit('bye')\n",
    "imports": "import no_such_module\n",
    "nothing": "x = 1\n",
    "other_type": "domain = 3\n",
    "incomplete": "from lean_agent_planners.domain import Domain\ndomain = Domain(name='a')\n",
    "misnamed": EXAMPLE.read_text(encoding="utf-8"),
    "null": "x = '\0'\n",
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("command", ["solve", "learn", "bench"])
def test_a_bad_file_is_one_line_and_exit_code_2(name: str, command: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.py"
    file.write_text(BAD[name], encoding="utf-8")
    rest = {
        "solve": ("3 5: 4",),
        "learn": ("--model", "fake:writer"),
        "bench": ("--data", str(tmp_path)),
    }
    ended = in_process("plan", command, str(file), *rest[command], folder=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert [line.split(":")[0] for line in ended.err.splitlines()] == ["error", "hint"]


@pytest.mark.parametrize("name", ["gone.py", "./gone", "folder.py"])
def test_no_file_is_one_line_and_exit_code_2(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    ended = in_process("plan", "solve", str(tmp_path / name), "3 5: 4", folder=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert [line.split(":")[0] for line in ended.err.splitlines()] == ["error", "hint"]


def _variant(tmp_path: Path, old: str, new: str) -> Domain:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "water_jugs.py"
    file.write_text(text.replace(old, new), encoding="utf-8")
    return load_domain(str(file))


def test_what_encode_does_wrong_is_the_users_to_hear(tmp_path: Path) -> None:
    crashing = _variant(tmp_path, "    read = re.full", "    1 / 0\n    read = re.full")
    with pytest.raises(ConfigurationError, match="encode cannot read the instance: ZeroDivision"):
        crashing.encode("3 5: 4")
    giving = _variant(tmp_path, "    return Problem(", "    return list(")
    with pytest.raises(ConfigurationError):
        giving.encode("3 5: 4")


async def test_a_validator_that_fails_has_accepted_nothing(tmp_path: Path) -> None:
    crashing = _variant(tmp_path, "    task = encode(text).static\n    sizes", "    sizes")
    solution = await solve(crashing, stored_planner(crashing), "3 5: 4")
    assert (solution.status, solution.answer, solution.plan) == ("unknown", None, None)
    assert "the validator fails" in solution.problem
    silent = _variant(tmp_path, '    return "\\n".join(said)\n', "")
    with pytest.raises(InvalidPlanError, match="not a text"):
        silent.validate(
            "3 5: 4", Plan(([0, 0], [3, 0], [0, 3], [3, 3], [1, 5], [1, 0], [0, 1], [3, 1], [0, 4]))
        )


async def test_a_planner_that_needs_the_rest_of_the_file_is_told_so(tmp_path: Path) -> None:
    leaning = _variant(tmp_path, '    return task["wanted"] in state', "    return TASK == 1")
    solution = await solve(leaning, stored_planner(leaning), "3 5: 4")
    assert solution.status == "unknown"
    assert "TASK" in solution.problem
