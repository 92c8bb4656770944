"""Page runs take turns: first come, first served, plots after pages, and none waits for ever."""

from __future__ import annotations

import threading
import time

from stranger import until

from explorer.app.turns import Turns


def _order(asked: list[str]) -> list[str]:
    """In which order runs come that ask one after the other, while the first has its turn.

    asked: `p…` for a page, `l…` for what comes later.
    """
    turns, order, all_wait = Turns(at_once=1, longest_wait=60), [], threading.Event()

    def run(name: str) -> None:
        with turns.page() if name.startswith("p") else turns.later():
            order.append(name)
            all_wait.wait(30)

    threads = []
    for waiting, name in enumerate(asked):
        threads.append(threading.Thread(target=run, args=(name,)))
        threads[-1].start()
        until(lambda waits=waiting: order and len(turns._pages) + len(turns._later) == waits)
    all_wait.set()
    for thread in threads:
        thread.join()
    return order


def test_pages_come_in_the_order_in_which_they_were_asked_for():
    asked = [f"p{number}" for number in range(8)]
    assert _order(asked) == asked


def test_plots_wait_for_the_pages():
    assert _order(["p1", "l1", "l2", "p2", "p3"]) == ["p1", "p2", "p3", "l1", "l2"]


def test_no_more_run_at_once_than_may():
    turns, running, most = Turns(at_once=2), [], []

    def run() -> None:
        with turns.page():
            running.append(1)
            most.append(len(running))
            time.sleep(0.01)
            running.pop()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 2


def test_a_run_that_is_stuck_holds_others_up_for_a_while_only():
    turns, over = Turns(at_once=1, longest_wait=0.1), threading.Event()

    def stuck() -> None:
        with turns.page():
            over.wait(10)

    thread = threading.Thread(target=stuck)
    thread.start()
    time.sleep(0.02)
    began = time.monotonic()
    with turns.page():
        waited = time.monotonic() - began
    over.set()
    thread.join()
    assert 0.05 < waited < 5


def test_a_run_that_fails_gives_its_turn_back():
    turns = Turns(at_once=1, longest_wait=30)
    for _ in range(3):
        try:
            with turns.later():
                raise RuntimeError
        except RuntimeError:
            pass
    began = time.monotonic()
    with turns.page():
        assert time.monotonic() - began < 5
