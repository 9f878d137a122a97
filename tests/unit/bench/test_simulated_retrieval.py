"""The simulated engine and the figures of bench/retrieval, by hand-computed cases."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.retrieval import virtual_time
from bench.retrieval.figures import Answered, Called, Rates, bound, figures, paired
from bench.retrieval.simulate import (
    ARMS,
    GPU,
    Arm,
    Conditions,
    Measured,
    as_measured,
    rates,
    simulate,
)
from bench.retrieval.simulated_engine import Hardware, SimulatedEngine, text_of
from bench.retrieval.workload import Question, Step, Workload, published, recorded
from lean_agent.messages import Message
from lean_agent.model import Model, ModelRequest, ModelResponse, RunProgress, Slotted

SLOW = Hardware(name="slow", slots=1, prompt_rate=100.0, step=0.1, growth=0.5, host_cache=False)
MEASURED = Measured(rungs={2: 1.0}, enough=64)


def ask(name: str, prompt: int, output: int, *before: Message) -> ModelRequest:
    run = RunProgress(run_id=name, retrievals=0, began=0.0)
    messages = (*before, Message("user", text_of(prompt, name)))
    return ModelRequest(messages=messages, max_output_tokens=output, run=run)


def test_an_hour_of_virtual_time_takes_no_time() -> None:
    async def hours() -> list[str]:
        seen: list[str] = []

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            seen.append(name)

        await asyncio.gather(after(7200, "second"), after(3600, "first"))
        assert asyncio.get_running_loop().time() == pytest.approx(7200)
        return seen

    started = time.perf_counter()
    assert virtual_time.run(hours()) == ["first", "second"]
    assert time.perf_counter() - started < 1


def test_waiting_for_nobody_is_an_error_not_a_hang() -> None:
    async def never() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(AssertionError, match="everybody waits"):
        virtual_time.run(never())


def test_a_call_takes_its_prompt_and_its_output() -> None:
    async def call() -> ModelResponse:
        engine = SimulatedEngine(SLOW, scheduled=True)
        assert isinstance(engine, Model)
        assert isinstance(engine, Slotted)
        return await engine.generate(ask("a", 200, 11))

    response = virtual_time.run(call())
    # 200 tokens at 100 a second; the last of them gives the first of 11 tokens at 10 a second.
    assert response.timings.prompt == pytest.approx(2.0)
    assert response.timings.output == pytest.approx(1.0)
    assert response.timings.queue == pytest.approx(0.0)


def test_what_a_slot_has_seen_is_not_read_again_unless_another_pushed_it_out() -> None:
    async def calls(hardware: Hardware) -> list[int]:
        engine = SimulatedEngine(hardware, scheduled=True)
        first = ask("a", 200, 10)
        answer = (await engine.generate(first)).message
        again = ask("a", 50, 1, *first.messages, answer)
        found = [(await engine.generate(again)).usage.cache_read_input_tokens]
        await engine.generate(ask("b", 30, 1))
        found.append((await engine.generate(again)).usage.cache_read_input_tokens)
        return found

    assert virtual_time.run(calls(SLOW)) == [210, 0]
    assert virtual_time.run(calls(replace(SLOW, host_cache=True))) == [210, 259]
    assert virtual_time.run(calls(replace(SLOW, slots=2))) == [210, 259]


def test_two_at_once_share_the_engine_or_wait() -> None:
    async def calls(hardware: Hardware) -> list[float]:
        engine = SimulatedEngine(hardware, scheduled=True)
        both = await asyncio.gather(*(engine.generate(ask(name, 1, 11)) for name in "ab"))
        return [response.timings.total for response in both]

    assert virtual_time.run(calls(SLOW)) == pytest.approx([1.01, 2.02])
    # Both prompts in one step, then ten steps that are half as long again.
    assert virtual_time.run(calls(replace(SLOW, slots=2))) == pytest.approx([1.52, 1.52])


def called(*, prompt: int, cached: int, output: int) -> Called:
    return Called(began=0, ended=0, input=prompt, cached=cached, output=output, queue=0)


def test_the_bound_is_the_work_that_cannot_be_spared() -> None:
    best = Rates(prompt=100.0, output=20.0, alone=10.0, slots=2)
    calls = [
        called(prompt=100, cached=0, output=21),  # 1 s + 20 tokens (one is written beside it): 1 s
        called(prompt=321, cached=0, output=1),  # 200 are new: 2 s, and its token is for nothing
    ]
    one = Answered(came=0, ended=50, calls=calls)
    # Alone it takes 3 + 22 / 10 s; three at once, 4 s each, 12 s.
    assert bound([one], best) == pytest.approx(3600 / 5.2)
    assert bound([one] * 3, best) == pytest.approx(3 * 3600 / 12)
    # The last comes late: no schedule is done before it.
    late = Answered(came=100, ended=200, calls=calls)
    assert bound([one, late], best) == pytest.approx(2 * 3600 / 105.2)
    found = figures([one, late], best)
    assert found.throughput == pytest.approx(2 * 3600 / 200)
    assert found.mean_latency == pytest.approx(75)
    assert found.searches_per_question == 1


def test_a_difference_that_is_the_same_everywhere_is_certain() -> None:
    assert paired([1.0, 0.5], [0.5, 0.0]) == pytest.approx((0.5, 0.5, 0.5))


SMALL = published(12, seed=0)


@pytest.mark.parametrize("latency", [0.0, 4.4])
@pytest.mark.parametrize("arm", ARMS[:3], ids=lambda arm: arm.name)
def test_no_arm_beats_the_bound_and_each_is_the_same_every_time(arm: Arm, latency: float) -> None:
    found = simulate(SMALL, GPU, arm, Conditions(latency=latency), MEASURED)
    assert 0 < found.share <= 1
    assert found == simulate(SMALL, GPU, arm, Conditions(latency=latency), MEASURED)


def test_a_ladder_spares_search_time_and_goes_the_way_at_each_rung() -> None:
    one = Workload("one", 10, [Question(10, (Step(1, 10), Step(1, 0)))])

    def latency(arm: Arm, remote: float = 0.0) -> float:
        conditions = Conditions(latency=10.24, remote=remote)
        return simulate(one, GPU, arm, conditions, MEASURED).mean_latency

    blocking, ladder = ARMS[1], ARMS[2]
    calls = latency(blocking) - 10.24
    # Two rungs, 16 and 64 of 1,024.
    assert latency(ladder) == pytest.approx(calls + 0.8)
    assert latency(ladder, remote=1.0) == pytest.approx(calls + 2 * 10.24)


def test_a_search_begun_ahead_is_done_sooner_by_what_was_still_to_be_written() -> None:
    one = Workload("one", 10, [Question(10, (Step(101, 10), Step(1, 0)))])
    arm = Arm(name="ahead", prefetch=True)

    def latency(*ahead: float | None) -> float:
        measured = replace(MEASURED, ahead=ahead)
        return simulate(one, GPU, arm, Conditions(latency=5.0), measured).mean_latency

    assert latency(None) - latency(0.5) == pytest.approx(50 * GPU.step, abs=1e-6)
    assert latency(0.5) > latency(1.0)


def test_recorded_questions_read_and_write_what_their_runs_did(tmp_path: Path) -> None:
    calls = [
        {"input": 140, "cached": 100, "output": 20},
        {"input": 460, "cached": 160, "output": 6},
    ]
    path = tmp_path / "cell.json"
    path.write_text(json.dumps({"questions": [{"calls": calls}, {"calls": []}]}))
    workload = recorded(path)
    assert workload.system == 100
    assert workload.questions == [Question(40, (Step(20, 300), Step(6, 0)))]
    found = simulate(workload, GPU, ARMS[0], Conditions(latency=1.0), MEASURED)
    assert found.searches_per_question == 1


def test_a_machine_as_measured_has_the_rates_that_were_measured() -> None:
    best = Rates(prompt=60.0, output=18.0, alone=12.0, slots=2)
    found = rates(as_measured(best, host_cache=True))
    assert (found.prompt, found.output, found.alone) == pytest.approx((60.0, 18.0, 12.0))


def test_all_slots_write_at_the_rate_that_the_bound_takes() -> None:
    assert rates(GPU).output == pytest.approx(2 / (GPU.step * (1 + GPU.growth)))
