"""Invented records in GAIA's form (https://huggingface.co/datasets/gaia-benchmark/GAIA)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.outcomes import result

from lean_agent import ConfigurationError, RunContext
from lean_agent_evals.check import check_suite
from lean_agent_evals.suite import Suite
from lean_agent_evals.suites.official_gaia import OfficialGaia
from lean_agent_evals.task import Task


def record(number: int, **given: Any) -> dict[str, Any]:
    return {
        "task_id": f"00000000-0000-4000-8000-{number:012}",
        "Question": f"How many wheels have {number} carts of four wheels?",
        "Level": 1 + number % 3,
        "Final answer": str(4 * number),
        "file_name": "",
        "Annotator Metadata": {
            "Steps": "1. Count the wheels.",
            "Number of steps": "1",
            "How long did this take?": "1 minute",
            "Tools": "None",
            "Number of tools": "0",
        },
    } | given


RECORDS = [
    record(1),
    record(2, file_name="00000000-0000-4000-8000-000000000002.txt", Level="3"),
    record(3, **{"Final answer": "red, 1,024"}),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "2023" / "validation"
    found.mkdir(parents=True)
    (found / RECORDS[1]["file_name"]).write_text("two carts")
    return found


def write_lines(folder: Path, records: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(one) + "\n" for one in records)
    (folder / "metadata.jsonl").write_text(lines)


def write_parquet(folder: Path, records: list[dict[str, Any]]) -> None:
    """Levels are text there."""
    source, target = folder / "rows.json", folder / "metadata.parquet"
    source.write_text(json.dumps([one | {"Level": str(one["Level"])} for one in records]))
    text = {name: "VARCHAR" for name in records[0] if name != "Annotator Metadata"}
    duckdb.read_json(str(source), columns=text).write_parquet(str(target))
    source.unlink()


def all_tasks(suite: OfficialGaia) -> dict[str, Task]:
    return {task.id[-1]: task for split in ("dev", "test") for task in suite.tasks(split)}


@pytest.mark.parametrize("write", [write_lines, write_parquet])
async def test_the_official_records_are_read(folder: Path, write: Any) -> None:
    write(folder, RECORDS)
    suite = OfficialGaia(folder)
    assert isinstance(suite, Suite)
    assert suite.name == "official-gaia"
    assert await check_suite(suite) == []
    tasks = all_tasks(suite)
    assert [tasks[key].level for key in "123"] == [2, 3, 1]
    assert tasks["2"].question.endswith("\n\nFile: 00000000-0000-4000-8000-000000000002.txt")
    assert "Count the wheels" not in repr(tasks)
    with suite.open(tasks["3"]) as episode:
        assert episode.score(result("Red; 1024")).passed is False
        assert episode.score(result("red,1,024")).passed


async def test_the_file_is_there_and_the_answers_are_not(folder: Path) -> None:
    write_lines(folder, RECORDS)
    suite = OfficialGaia(folder)
    task = all_tasks(suite)["2"]
    with suite.open(task) as episode:
        context = RunContext(roots=tuple(episode.roots))
        tools = {tool.spec.name: tool for tool in episode.tools}
        read = await tools["read_file"].call({"path": task.data["files"][0]}, context)
        assert "two carts" in read
        assert "metadata" not in await tools["list_files"].call({}, context)


def test_the_test_split_cannot_be_scored(folder: Path) -> None:
    write_lines(folder, [record(1), record(2, **{"Final answer": "?"})])
    with pytest.raises(ConfigurationError, match="has no answers") as caught:
        OfficialGaia(folder)
    assert caught.value.hint == "take 2023/validation"


def test_what_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"metadata.jsonl cannot be read"):
        OfficialGaia(folder)
    write_lines(folder, [record(4, file_name="none.pdf")])
    with pytest.raises(ConfigurationError, match=r"there is no file none.pdf"):
        OfficialGaia(folder)
    (folder / "metadata.parquet").write_bytes(b"PAR?")
    with pytest.raises(ConfigurationError, match=r"metadata.parquet cannot be read"):
        OfficialGaia(folder)
    write_parquet(folder, [{"task_id": "a", "Level": 1, "Question": "q"}])
    with pytest.raises(ConfigurationError, match="row 1: Final answer: Field required"):
        OfficialGaia(folder)
