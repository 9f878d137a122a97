"""What every BudgetStore must keep to. Spec: ledger ("Budgets")."""

from __future__ import annotations

import multiprocessing
import threading
import time
import uuid
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from decimal import Decimal, localcontext
from multiprocessing.connection import Connection
from typing import Any

from lean_agent.errors import LedgerError, LimitExceededError
from lean_agent.ledger.budget import LIMITS, NOTHING, Amount, Budget
from lean_agent.ledger.budget_store import BudgetStore, Cap, Totals, UnknownReservationError
from lean_agent.testing.checking import check

__all__ = ["check_budget_store"]

_Make = Callable[[], BudgetStore]

_THREADS = 8
_ASKED = 200
_GRANTED = 60
_START_SECONDS = 60.0


def check_budget_store(
    make_store: Callable[[], BudgetStore], *, lost_within: float | None = None
) -> None:
    """Check a kind of store: all that ``make_store`` gives must share the same totals.

    ``lost_within`` is for a store that spans processes: so many seconds after a process died, what
    it held must be charged as lost. A process is started for this, so ``make_store`` must be one
    that pickle takes: a function of a module, or functools.partial of a class.

    It uses scopes of its own, named ``check:`` and something unique, and closes what it made.

    Raises:
        AssertionError: it says which rule the store breaks.
    """
    for rule in (
        _counts_what_is_reserved_settled_and_refunded,
        _keeps_money_exact,
        _refuses_what_would_overrun,
        _refuses_only_what_is_asked_for,
        _reserves_under_all_caps_or_none,
        _ends_a_reservation_once,
        _refuses_amounts_that_are_none,
        _counts_at_least,
        _replaces_in_one_step,
        _charges_what_is_lost,
        _puts_right_what_was_charged_as_lost,
        _holds_a_cap_between_threads_and_stores,
    ):
        try:
            rule(make_store)
        except (LedgerError, LimitExceededError) as error:
            what = rule.__name__.strip("_").replace("_", " ")
            raise AssertionError(f"a store {what}; this one failed: {error}") from error
    if lost_within is not None:
        _charges_what_a_dead_process_held(make_store, lost_within)


def _scope() -> str:
    return f"check:{uuid.uuid4().hex}"


def _one_of(limit: str) -> Amount:
    parts: dict[str, Any] = {limit: Decimal(1) if limit == "usd" else 1}
    return Amount(**parts)


def _check_totals(
    store: BudgetStore, scope: str, rule: str, *, spent: Amount, reserved: Amount
) -> None:
    found, wanted = store.totals([scope])[scope], Totals(spent, reserved)
    check(found == wanted, f"{rule}: the totals must be {wanted}, not {found}")


@contextmanager
def _expecting(error: type[LedgerError | LimitExceededError], what: str) -> Generator[list[str]]:
    """Gives the message of the error, once the block has ended."""
    message: list[str] = []
    try:
        yield message
    except error as raised:
        message.append(str(raised))
        if isinstance(raised, LimitExceededError):
            message.append(raised.limit_type)
    except Exception as other:
        raise AssertionError(
            f"{what} must raise {error.__name__}, not {type(other).__name__}: {other}"
        ) from other
    else:
        raise AssertionError(f"{what} must raise {error.__name__}")


def _counts_what_is_reserved_settled_and_refunded(make: _Make) -> None:
    scope, other = _scope(), _scope()
    caps = [Cap(scope, Budget(tokens=100))]
    amount = Amount(usd=Decimal("0.5"), tokens=60, steps=1, tool_calls=2)
    with closing(make()) as store, closing(make()) as second:
        totals = store.totals([scope, other])
        rule = "a scope that was never used has nothing spent and nothing reserved"
        check(dict(totals) == {scope: Totals(), other: Totals()}, rule)

        first = store.reserve(caps, amount, lost=NOTHING)
        for each in (store, second):
            rule = "a reservation is seen by every store"
            _check_totals(each, scope, rule, spent=NOTHING, reserved=amount)
        truth = Amount(usd=Decimal("0.7"), tokens=75, steps=1)
        store.settle(first, truth)
        for each in (store, second):
            rule = "settling charges the truth, above the reservation too, and frees the rest"
            _check_totals(each, scope, rule, spent=truth, reserved=NOTHING)

        refunded = store.reserve(caps, Amount(tokens=25), lost=NOTHING)
        check(first != refunded, "every reservation has an id of its own")
        second.refund(refunded)
        rule = "a refund gives everything back, through another store too"
        _check_totals(store, scope, rule, spent=truth, reserved=NOTHING)
        check(store.totals([other])[other] == Totals(), "scopes are counted apart")


def _keeps_money_exact(make: _Make) -> None:
    scope = _scope()
    caps = [Cap(scope, Budget(usd="1000000.000000000003"))]
    grain = Amount(usd=Decimal("0.000000000001"))
    with closing(make()) as store, localcontext(prec=4):
        large = Amount(usd=Decimal(1_000_000))
        store.settle(store.reserve(caps, large, lost=NOTHING), large)
        for _ in range(3):
            store.settle(store.reserve(caps, grain, lost=NOTHING), grain)
        with _expecting(LimitExceededError, "a millionth of a millionth of a dollar too much"):
            store.reserve(caps, grain, lost=NOTHING)
        spent = store.totals([scope])[scope].spent.usd
        exact = Decimal("1000000.000000000003")
        check(
            spent == exact,
            f"money is kept exactly, whatever the caller's decimal context: {spent} is not {exact}",
        )


def _refuses_what_would_overrun(make: _Make) -> None:
    with closing(make()) as store:
        for limit in LIMITS:
            scope, one = _scope(), _one_of(limit)
            caps = [Cap(scope, Budget(**{limit: 2}))]
            store.reserve(caps, one, lost=NOTHING)
            store.settle(store.reserve(caps, one, lost=NOTHING), one)
            with _expecting(LimitExceededError, f"{limit} above the limit") as said:
                store.reserve(caps, one, lost=NOTHING)
            message, limit_type = said
            check(limit_type == limit, f"the error must name the limit {limit}, not {limit_type}")
            check(scope in message, f"the error must name the scope {scope}: {message!r}")
            rule = "a refused reservation changes nothing"
            _check_totals(store, scope, rule, spent=one, reserved=one)


def _refuses_only_what_is_asked_for(make: _Make) -> None:
    scope = _scope()
    caps = [Cap(scope, Budget(tokens=10, steps=1))]
    with closing(make()) as store:
        store.settle(store.reserve(caps, Amount(tokens=10), lost=NOTHING), Amount(tokens=25))
        try:
            store.reserve(caps, Amount(steps=1), lost=NOTHING)
            store.reserve([Cap(scope, Budget())], Amount(tokens=5), lost=NOTHING)
        except LimitExceededError as error:
            raise AssertionError(
                f"a limit of which nothing is asked, or none, refuses nothing: {error}"
            ) from error


def _reserves_under_all_caps_or_none(make: _Make) -> None:
    wide, narrow = _scope(), _scope()
    caps = [Cap(wide, Budget(tokens=100)), Cap(narrow, Budget(tokens=10))]
    with closing(make()) as store:
        for order in (caps, caps[::-1]):
            with _expecting(LimitExceededError, "an amount that one of two caps refuses") as said:
                store.reserve(order, Amount(tokens=11), lost=NOTHING)
            check(narrow in said[0], f"the error must name the scope {narrow}: {said[0]!r}")
            for scope in (wide, narrow):
                rule = "a reservation holds under all caps or under none"
                _check_totals(store, scope, rule, spent=NOTHING, reserved=NOTHING)
        made = store.reserve(caps, Amount(tokens=10), lost=NOTHING)
        store.settle(made, Amount(tokens=7))
        for scope in (wide, narrow):
            rule = "what is settled counts under all caps"
            _check_totals(store, scope, rule, spent=Amount(tokens=7), reserved=NOTHING)


def _ends_a_reservation_once(make: _Make) -> None:
    scope = _scope()
    caps = [Cap(scope, Budget(tokens=100))]
    with closing(make()) as store, closing(make()) as second:
        settled = store.reserve(caps, Amount(tokens=5), lost=NOTHING)
        refunded = store.reserve(caps, Amount(tokens=5), lost=NOTHING)
        store.settle(settled, Amount(tokens=3))
        store.refund(refunded)
        for made in (settled, refunded, uuid.uuid4().hex):
            for each in (store, second):
                with _expecting(UnknownReservationError, "settling what has ended or never was"):
                    each.settle(made, Amount(tokens=3))
                with _expecting(UnknownReservationError, "refunding what has ended or never was"):
                    each.refund(made)
        rule = "a reservation is charged once"
        _check_totals(store, scope, rule, spent=Amount(tokens=3), reserved=NOTHING)


def _refuses_amounts_that_are_none(make: _Make) -> None:
    scope = _scope()
    caps = [Cap(scope, Budget())]
    wrong = (Amount(tokens=-1), Amount(usd=Decimal(-1)), Amount(usd=Decimal("NaN")))
    with closing(make()) as store:
        made = store.reserve(caps, Amount(tokens=5), lost=NOTHING)
        for amount in wrong:
            with _expecting(LedgerError, f"reserving {amount}"):
                store.reserve(caps, amount, lost=NOTHING)
            with _expecting(LedgerError, f"{amount} as what would be lost"):
                store.reserve(caps, NOTHING, lost=amount)
            with _expecting(LedgerError, f"settling {amount}"):
                store.settle(made, amount)
            with _expecting(LedgerError, f"counting {amount}"):
                store.count_at_least(scope, amount)
        rule = "an amount that is negative or not finite changes nothing"
        _check_totals(store, scope, rule, spent=NOTHING, reserved=Amount(tokens=5))


def _counts_at_least(make: _Make) -> None:
    scope = _scope()
    with closing(make()) as store, closing(make()) as second:
        held = store.reserve([Cap(scope, Budget())], Amount(tokens=5), lost=NOTHING)
        store.settle(held, Amount(tokens=5))
        told = (Amount(usd=Decimal(2), tokens=3), Amount(tokens=9), Amount(usd=Decimal(1)))
        for each, spent in zip((second, store, second), told, strict=True):
            each.count_at_least(scope, spent)
        rule = "counting raises what was spent, part by part, and never lowers it"
        spent = Amount(usd=Decimal(2), tokens=9)
        _check_totals(store, scope, rule, spent=spent, reserved=NOTHING)


def _replaces_in_one_step(make: _Make) -> None:
    scope = _scope()
    caps = [Cap(scope, Budget(tokens=100))]
    with closing(make()) as store:
        held = store.reserve(caps, Amount(tokens=60), lost=NOTHING)
        with _expecting(LimitExceededError, "a replacement that does not fit"):
            store.reserve(caps, Amount(tokens=101), lost=NOTHING, replacing=held)
        rule = "a refused replacement leaves the earlier reservation"
        _check_totals(store, scope, rule, spent=NOTHING, reserved=Amount(tokens=60))
        made = store.reserve(caps, Amount(tokens=100), lost=NOTHING, replacing=held)
        rule = "a replacement may use what it replaces"
        _check_totals(store, scope, rule, spent=NOTHING, reserved=Amount(tokens=100))
        with _expecting(UnknownReservationError, "settling what was replaced"):
            store.settle(held, NOTHING)
        store.refund(made)
        again = store.reserve(caps, Amount(tokens=100), lost=NOTHING, replacing=made)
        rule = "replacing what has ended gives nothing back"
        _check_totals(store, scope, rule, spent=NOTHING, reserved=Amount(tokens=100))
        store.refund(again)


def _charges_what_is_lost(make: _Make) -> None:
    scope = _scope()
    caps = [Cap(scope, Budget(tokens=100))]
    with closing(make()) as store:
        gone = make()
        for _ in range(2):
            gone.reserve(caps, Amount(tokens=50), lost=Amount(tokens=20))
        with _expecting(LimitExceededError, "what a store that is not closed holds"):
            store.reserve(caps, Amount(tokens=60), lost=NOTHING)
        gone.close()
        try:
            store.refund(store.reserve(caps, Amount(tokens=60), lost=NOTHING))
        except LimitExceededError as error:
            raise AssertionError(f"a closed store must hold nothing any more: {error}") from error
        for _ in range(2):
            rule = "what a closed store held is charged as lost, once"
            _check_totals(store, scope, rule, spent=Amount(tokens=40), reserved=NOTHING)


def _puts_right_what_was_charged_as_lost(make: _Make) -> None:
    scope = _scope()
    caps = [Cap(scope, Budget(tokens=100))]
    with closing(make()) as store:
        gone = make()
        late = [gone.reserve(caps, Amount(tokens=30), lost=Amount(tokens=20)) for _ in range(3)]
        gone.close()
        rule = "what a closed store held is charged as lost"
        _check_totals(store, scope, rule, spent=Amount(tokens=60), reserved=NOTHING)
        store.settle(late[0], Amount(tokens=25))
        store.refund(late[1])
        store.refund(store.reserve(caps, NOTHING, lost=NOTHING, replacing=late[2]))
        rule = "a late settlement takes the place of what was charged as lost"
        _check_totals(store, scope, rule, spent=Amount(tokens=25), reserved=NOTHING)
        with _expecting(UnknownReservationError, "settling late twice"):
            store.settle(late[0], Amount(tokens=25))


def _holds_a_cap_between_threads_and_stores(make: _Make) -> None:
    scope, amount = _scope(), Amount(usd=Decimal("0.01"), tokens=10)
    caps = [Cap(scope, Budget(tokens=_GRANTED * amount.tokens, usd=1))]
    stores = [make() for _ in range(3)]
    together = threading.Barrier(_THREADS)

    def ask(thread: int) -> int:
        granted = 0
        together.wait(timeout=30)
        for number in range(_ASKED // _THREADS):
            store = stores[(thread + number) % len(stores)]
            try:
                made = store.reserve(caps, amount, lost=NOTHING)
            except LimitExceededError:
                continue
            if number % 5 == 0:
                store.refund(made)
            else:
                store.settle(made, amount)
                granted += 1
        return granted

    with ThreadPoolExecutor(_THREADS) as pool:
        granted = sum(pool.map(ask, range(_THREADS)))
    check(
        granted == _GRANTED, f"of {_ASKED} reservations {_GRANTED} fit, and {granted} were let by"
    )
    spent = Amount(usd=granted * amount.usd, tokens=granted * amount.tokens)
    for store in stores:
        rule = "totals equal the sum of what was settled"
        _check_totals(store, scope, rule, spent=spent, reserved=NOTHING)
        store.close()


def _charges_what_a_dead_process_held(make: _Make, lost_within: float) -> None:
    scope, held = _scope(), Amount(tokens=50)
    context = multiprocessing.get_context("spawn")  # a fork would inherit what this process holds
    ours, theirs = context.Pipe()
    child = context.Process(target=_hold, args=(make, scope, held, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        check(ours.poll(_START_SECONDS), "another process must be able to reserve in time")
        settled, _ = ours.recv()
        with closing(make()) as store:
            store.settle(settled, Amount(tokens=7))
            rule = "a reservation of another process can be settled, and holds while that lives"
            _check_totals(store, scope, rule, spent=Amount(tokens=7), reserved=held)
            child.kill()
            child.join()
            wanted, deadline = Totals(Amount(tokens=7 + 20)), time.monotonic() + lost_within
            while store.totals([scope])[scope] != wanted and time.monotonic() < deadline:
                time.sleep(0.05)
            rule = f"what a process held is charged as lost {lost_within} s after it died"
            _check_totals(store, scope, rule, spent=wanted.spent, reserved=NOTHING)
    except EOFError:
        raise AssertionError("another process must be able to make the store and reserve") from None
    finally:
        child.kill()
        child.join()
        ours.close()


def _hold(make: _Make, scope: str, amount: Amount, told: Connection) -> None:
    store, caps = make(), [Cap(scope, Budget())]
    told.send([store.reserve(caps, amount, lost=Amount(tokens=20)) for _ in range(2)])
    threading.Event().wait()
