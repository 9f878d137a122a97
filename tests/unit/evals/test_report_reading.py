from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.outcomes import outcome
from support.reports import made_up, write_folder

from lean_agent import ConfigurationError
from lean_agent_evals.report import read_results, write


def test_a_folder_is_read_as_it_was_written(tmp_path: Path) -> None:
    config, outcomes, trajectories = made_up(3)
    found = read_results(write_folder(tmp_path, config, outcomes, trajectories))
    assert found.config == config
    assert found.outcomes == sorted(outcomes, key=lambda o: (o.task_id, o.arm))
    assert found.trajectories == trajectories


def test_trajectories_and_configuration_may_be_missing(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, *made_up(2))
    (folder / "trajectories.jsonl").unlink()
    (folder / "config.json").unlink()
    found = read_results(folder)
    assert len(found.outcomes) == 8
    assert (found.config, found.trajectories) == ({}, [])
    assert write(folder).read_text().startswith("<!doctype html>")


def test_a_line_that_a_killed_run_cut_short_is_left_out(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, *made_up(2))
    for name in ("outcomes.jsonl", "trajectories.jsonl"):
        with (folder / name).open("a") as file:
            file.write('{"task_id": "hops-00')
    found = read_results(folder)
    assert (len(found.outcomes), len(found.trajectories)) == (8, 8)


@pytest.mark.parametrize("line", ["{broken", "[]", '{"task_id": "a"}', '{"usage": 3}'])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    folder = write_folder(tmp_path, *made_up(1))
    good = (folder / "outcomes.jsonl").read_text()
    (folder / "outcomes.jsonl").write_text(good + line + "\n" + good)
    with pytest.raises(ConfigurationError, match=r"outcomes\.jsonl, line 5 is n(ot|o)"):
        read_results(folder)


def test_of_two_lines_about_a_sample_the_later_one_counts(tmp_path: Path) -> None:
    first, second = outcome("t", passed=False), outcome("t", passed=True)
    found = read_results(write_folder(tmp_path, {}, [first, second], []))
    assert found.outcomes == [second]


def test_a_separator_within_a_text_ends_no_line(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, *made_up(1))
    line = {"task_id": "hops-0000", "arm": "auto", "question": "one\u2028two\x85three"}
    text = json.dumps(line, ensure_ascii=False) + "\n"
    (folder / "trajectories.jsonl").write_text(text, encoding="utf-8")
    assert read_results(folder).trajectories == [line]


@pytest.mark.parametrize("text", [None, "", '{"task_id": "cut sho'])
def test_a_folder_without_outcomes_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "outcomes.jsonl").write_text(text)
    with pytest.raises(ConfigurationError, match="holds no outcomes"):
        read_results(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "results", *made_up(1))
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write(folder, tmp_path / "file" / "report.html")
