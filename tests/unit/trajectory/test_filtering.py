"""What passes the filter, in which order, and that it depends on nothing else."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from support.trajectories import acted, trajectory, used

from lean_agent import ConfigurationError
from lean_agent.trajectory.files import read_trajectories, write_trajectories
from lean_agent.trajectory.filtering import Filter, Verdict, filter_file
from lean_agent.trajectory.record import Trajectory


def found(required: int, got: int, actions: int, **more: Any) -> Trajectory:
    return trajectory(actions, entities_required=required, entities_found=got, **more)


# Alpha .3 and beta .1 must be exceeded.
CASES: list[tuple[Trajectory, Verdict]] = [
    (found(10, 4, 5), "kept"),
    (found(10, 3, 5), "low_isr"),
    (found(10, 4, 40), "low_ise"),
    (found(10, 4, 39), "kept"),
    (found(10, 10, 5, passed=False), "failed"),
    (found(10, 10, 5, passed=None, reward=None), "unjudged"),
    (trajectory(50), "kept"),
]


@pytest.mark.parametrize(("case", "verdict"), CASES)
def test_the_verdict(case: Trajectory, verdict: Verdict) -> None:
    assert Filter().judge(case) == verdict


def test_the_thresholds_are_ones_own() -> None:
    assert Filter(alpha=0.2).judge(found(10, 3, 5)) == "kept"
    assert Filter(beta=0.05).judge(found(10, 4, 40)) == "kept"
    assert Filter(desirable_only=True).judge(trajectory(7)) == "undesirable"
    assert Filter(desirable_only=True).judge(trajectory(6)) == "kept"
    assert Filter(desirable_only=True).judge(trajectory(6, reward=0.9)) == "kept"
    shopping = Filter(desirable_only=True, good=1.0)
    assert shopping.judge(trajectory(6, reward=0.95)) == "undesirable"


def many(count: int) -> list[Trajectory]:
    chance = random.Random(0)
    return [
        found(
            10,
            chance.randrange(11),
            chance.randrange(1, 12),
            id=f"{number:04}",
            passed=chance.random() < 0.7,
            usage=used(100, chance.randrange(1, 6) * 100),
        )
        for number in range(count)
    ]


def filtered(folder: Path, items: list[Trajectory], chosen: Filter) -> tuple[bytes, Any]:
    source, target = folder / "all.jsonl", folder / "kept.jsonl"
    write_trajectories(source, items)
    counts = filter_file(source, target, chosen)
    return target.read_bytes(), counts


def test_the_best_come_first_and_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    items = many(300)
    chosen = Filter()
    whole, counts = filtered(tmp_path, items, chosen)
    kept = list(read_trajectories(tmp_path / "kept.jsonl"))
    wanted = sorted(
        (item for item in items if chosen.judge(item) == "kept"),
        key=lambda item: (-chosen.rank(item), item.id),
    )
    assert kept == wanted
    assert len({chosen.rank(item) for item in kept}) > 10
    assert chosen.rank(kept[-1]) == 0.0  # the undesirable are kept, and rank last
    assert counts.verdicts["kept"] == len(kept)
    assert sum(counts.verdicts.values()) == counts.trajectories == 300
    assert counts.steps == sum(len(item.steps) for item in items)
    for seed in range(5):
        shuffled = random.Random(seed).sample(items, len(items))
        assert filtered(tmp_path, shuffled, chosen)[0] == whole


def test_several_of_one_id_come_in_one_order(tmp_path: Path) -> None:
    items = [trajectory(2, id="same", output=str(number)) for number in range(9)]
    for chosen in (Filter(), Filter(top=4)):
        whole, _ = filtered(tmp_path, items, chosen)
        for seed in range(5):
            shuffled = random.Random(seed).sample(items, len(items))
            assert filtered(tmp_path, shuffled, chosen)[0] == whole


def test_only_the_top(tmp_path: Path) -> None:
    items = many(300)
    whole, every = filtered(tmp_path, items, Filter())
    top, counts = filtered(tmp_path, items, Filter(top=7))
    assert top == b"".join(whole.splitlines(keepends=True)[:7])
    assert (counts.verdicts["kept"], counts.verdicts["not_in_top"]) == (
        7,
        every.verdicts["kept"] - 7,
    )
    assert sum(counts.verdicts.values()) == 300


def test_the_rank_is_depos_bonus() -> None:
    assert Filter().rank(trajectory(5, usage=used(0, 500))) == pytest.approx(3 / 100 + 3 / 5)
    # Tokens of the steps do where the whole's are not told.
    steps = [acted(turn, usage=used(9, 30)) for turn in range(3)]
    assert Filter().rank(trajectory(steps)) == pytest.approx(3 / 30 + 3 / 3)
    assert Filter().rank(trajectory(3)) == pytest.approx(1.0)
    assert Filter().rank(trajectory(7, usage=used(0, 7))) == 0.0


def test_those_with_few_required_entities_are_counted(tmp_path: Path) -> None:
    items = [found(9, 9, 3, id="a"), found(10, 9, 3, id="b"), trajectory(3, id="c")]
    assert filtered(tmp_path, items, Filter())[1].few_entities == 1


def test_a_damaged_line_ends_it_and_leaves_what_was_there(tmp_path: Path) -> None:
    source, target = tmp_path / "all.jsonl", tmp_path / "kept.jsonl"
    write_trajectories(source, many(3))
    target.write_text("earlier")
    with source.open("a") as file:
        file.write('{"version":1,"id":"cut')
    with pytest.raises(ConfigurationError, match="line 4 is no trajectory"):
        filter_file(source, target, Filter())
    assert target.read_text() == "earlier"


def test_a_file_may_be_filtered_in_place(tmp_path: Path) -> None:
    source = tmp_path / "all.jsonl"
    write_trajectories(source, many(30))
    counts = filter_file(source, source, Filter())
    assert len(list(read_trajectories(source))) == counts.verdicts["kept"]
