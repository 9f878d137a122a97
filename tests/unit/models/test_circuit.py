"""Circuits, on a clock that stands still until it is told to go."""

from __future__ import annotations

import pytest
from support.clock import Clock

from lean_agent.errors import ModelError, RateLimitError, ServerDownError
from lean_agent.models.circuit import Circuit, circuit_of, is_failure
from lean_agent.models.openai_compatible import OpenAICompatibleModel
from lean_agent.models.scripted import ScriptedModel


def _fail(circuit: Circuit, times: int) -> None:
    for _ in range(times):
        circuit.leave(probe=circuit.enter(), failed=True)


def _opened(clock: Clock) -> Circuit:
    circuit = Circuit("server", clock)
    _fail(circuit, 5)
    return circuit


def test_it_opens_after_five_failures_in_a_row() -> None:
    circuit = Circuit("server", Clock())
    _fail(circuit, 4)
    circuit.leave(probe=circuit.enter(), failed=False)
    _fail(circuit, 4)
    circuit.leave(probe=circuit.enter(), failed=None)
    _fail(circuit, 1)
    with pytest.raises(ServerDownError, match="5 times in a row") as refused:
        circuit.enter()
    assert refused.value.retryable
    assert refused.value.retry_after == pytest.approx(5)


def test_one_call_probes_and_its_success_closes() -> None:
    clock = Clock()
    circuit = _opened(clock)
    clock.now += 5
    probe = circuit.enter()
    assert probe
    with pytest.raises(ServerDownError):
        circuit.enter()
    circuit.leave(probe=probe, failed=False)
    assert circuit.enter() is False


def test_a_failed_probe_doubles_the_pause_up_to_a_minute() -> None:
    clock = Clock()
    circuit = _opened(clock)
    waits = [5.0]
    for _ in range(5):
        clock.now += waits[-1]
        circuit.leave(probe=circuit.enter(), failed=True)
        with pytest.raises(ServerDownError) as refused:
            circuit.enter()
        waits.append(refused.value.retry_after or 0)
    assert waits == [5, 10, 20, 40, 60, 60]


def test_a_probe_that_was_cancelled_leaves_its_place_to_another() -> None:
    clock = Clock()
    circuit = _opened(clock)
    clock.now += 5
    circuit.leave(probe=circuit.enter(), failed=None)
    assert circuit.enter() is True


def test_a_server_that_answers_does_not_fail() -> None:
    assert is_failure(ModelError("broke off", retryable=True))
    assert not is_failure(ModelError("bad request", status=400))
    assert not is_failure(RateLimitError("slow down", retryable=True))


def test_models_at_one_address_share_a_circuit() -> None:
    one, two, other = (
        OpenAICompatibleModel(f"own:{name}", base_url=f"http://127.0.0.1:{port}/v1")
        for name, port in (("a", 1), ("b", 1), ("a", 2))
    )
    assert circuit_of(one) is circuit_of(two)
    assert circuit_of(one) is not circuit_of(other)
    without = ScriptedModel([])
    assert circuit_of(without) is not circuit_of(without)


def test_a_password_in_the_servers_address_is_not_told() -> None:
    model = OpenAICompatibleModel("mine:m", base_url="http://me:hunter22@127.0.0.1:9/v1")
    circuit = circuit_of(model)
    assert circuit is circuit_of(model)
    _fail(circuit, 5)
    with pytest.raises(ServerDownError, match=r"127\.0\.0\.1:9 failed 5 times") as refused:
        circuit.enter()
    assert "hunter22" not in refused.value.message
