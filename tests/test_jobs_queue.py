"""Who is next: turns, quick work ahead of long, places in line, and time slices of one device."""

import random
import threading
import time
from dataclasses import dataclass, replace

import pytest
import torch

from explorer.analysis.generation import generate_batch
from explorer.analysis.progress import NullCallback
from explorer.hosting import hosting
from explorer.jobs import job as states
from explorer.jobs import limits, listening
from explorer.jobs.job import Job
from explorer.jobs.limits import check_line
from explorer.jobs.listening import Listeners
from explorer.jobs.pace import Paces
from explorer.jobs.places import Occupied, Places, foreseen
from explorer.jobs.queue import MOST_OVERTAKEN_SECONDS, Entry, FairQueue, QueueFull
from explorer.jobs.turns import RUNS_AT_ONCE, Device
from explorer.models.precision import full_precision
from explorer.request import Request

LONG, TEN, QUICK = 300.0, 10.0, 3.0
"""Seconds; of what is quick some is brief, as QUICK is."""


def always(entry: Entry, party: str) -> bool:
    return True


def order(queue: FairQueue) -> list[Entry]:
    """All entries in the order in which they start, where nothing keeps any from it."""
    found = []
    while (entry := queue.pop(always)) is not None:
        found.append(entry)
    assert len(queue) == 0
    return found


def parties(entries) -> str:
    return "".join(entry.party for entry in entries)


def filled(text: str, seconds: float = LONG) -> FairQueue:
    """An entry for each letter, the party's name."""
    queue = FairQueue()
    for party in text:
        queue.add(Entry(party, seconds))
    return queue


# The queue


def test_one_party_is_served_in_its_order():
    queue = FairQueue()
    entries = [Entry("a", LONG) for _ in range(5)]
    for entry in entries:
        queue.add(entry)
    assert order(queue) == entries


def test_parties_take_turns_however_much_one_of_them_asks():
    assert parties(order(filled("aaaaabbc"))) == "abcabaaa"


def test_who_comes_later_is_next_and_who_was_just_served_is_last():
    queue = filled("aaaa")
    assert queue.pop(always).party == "a"
    queue.add(Entry("b", LONG))
    assert queue.pop(always).party == "b"
    queue.add(Entry("b", LONG))
    assert queue.pop(always).party == "a"
    queue.add(Entry("c", LONG))
    assert parties(order(queue)) == "cbaa"


def test_a_party_that_comes_back_with_one_at_a_time_gets_no_more_turns_than_another():
    queue = filled("a" * 20)
    served = []
    for _ in range(20):
        if "b" not in {entry.party for entry in queue}:
            queue.add(Entry("b", LONG))
        served.append(queue.pop(always).party)
    assert served.count("a") == served.count("b") == 10


def test_quick_work_starts_before_long_work_but_for_a_bound():
    queue = FairQueue()
    long = Entry("a", LONG)
    queue.add(long)
    for number in range(40):
        queue.add(Entry(f"q{number}", QUICK))
    before = order(queue).index(long)
    assert before * QUICK == pytest.approx(MOST_OVERTAKEN_SECONDS, abs=QUICK)


def test_quick_work_that_keeps_coming_cannot_hold_long_work_up():
    queue = filled("a")
    for number in range(1000):
        queue.add(Entry(f"q{number}", QUICK))
        if queue.pop(always).party == "a":
            break
    assert number * QUICK <= MOST_OVERTAKEN_SECONDS + QUICK


def test_what_several_ask_for_starts_at_whichever_turn_comes_first_and_once():
    queue = filled("aaaa")
    last = list(queue)[-1]
    queue.add(last, "b")
    queue.add(last, "b")
    first = order(queue)
    assert first[1] is last
    assert len(first) == 4


def test_what_was_lost_with_a_worker_is_first_in_its_line():
    queue = filled("aaa")
    lost = queue.pop(always)
    queue.add(lost, first=True)
    assert order(queue)[0] is lost


def test_what_may_not_start_is_passed_over_and_keeps_its_place():
    queue = filled("ab")
    assert queue.pop(lambda entry, party: party != "a").party == "b"
    assert queue.pop(lambda entry, party: False) is None
    assert parties(order(queue)) == "a"


def test_removing_takes_an_entry_out_of_every_line():
    queue = filled("ab")
    entry = next(iter(queue))
    queue.add(entry, "b")
    queue.remove(entry)
    queue.remove(entry)
    assert entry not in queue
    assert parties(order(queue)) == "b"


def test_random_histories_serve_everything_once_and_nobody_twice_in_a_row_while_others_wait():
    chance = random.Random(3)
    for _ in range(50):
        queue, added, served, last = FairQueue(), [], [], None
        for _ in range(60):
            if chance.random() < 0.6:
                entry = Entry(chance.choice("abcd"), LONG, question=chance.random() < 0.2)
                queue.add(entry)
                added.append(entry)
            else:
                others = {entry.party for entry in queue} - {last}
                entry = queue.pop(always)
                if entry is not None:
                    served.append(entry)
                    assert not (others and entry.party == last)
                    last = entry.party
        served += order(queue)
        assert sorted(map(id, served)) == sorted(map(id, added))
        for party in "abcd":
            for question in (True, False):
                own = [e for e in added if (e.party, e.question) == (party, question)]
                assert [e for e in served if e in own] == own


# Places, and when what waits will start


def test_two_places_of_a_worker_are_kept_for_quick_work_one_of_these_for_brief_work():
    places = Places()
    long = [Occupied(party, False, False, LONG) for party in "ab"]
    quick = [Occupied(party, True, False, TEN) for party in "cde"]
    brief = Occupied("f", True, False, QUICK, brief=True)
    assert len(long) + 2 == RUNS_AT_ONCE
    assert not places.free_for(Entry("c", LONG), "c", long)
    assert Places(workers=2).free_for(Entry("c", LONG), "c", long)
    for full in ([*long, quick[0]], quick):
        assert places.free_for(Entry("f", TEN), "f", full[:-1])
        assert not places.free_for(Entry("f", TEN), "f", full)
        assert places.free_for(Entry("f", QUICK), "f", full)
        assert not places.free_for(Entry("g", QUICK), "g", [*full, brief])


def test_a_moments_work_starts_at_once_behind_many_visitors_quick_work():
    queue, places, taken = FairQueue(), Places(max_running=1), []
    for party in "abcdef":
        for _ in range(3):
            queue.add(Entry(party, TEN))

    def may_start(entry: Entry, party: str) -> bool:
        return places.free_for(entry, party, taken)

    while (entry := queue.pop(may_start)) is not None:
        taken.append(Occupied(entry.party, entry.quick, False, entry.seconds, entry.brief))
    stranger, longer = Entry("stranger", QUICK), Entry("other", TEN)
    queue.add(longer)
    queue.add(stranger)
    found = foreseen(queue, taken, places)
    assert found[stranger].seconds == 0
    assert found[longer].seconds > 10


def test_one_party_runs_one_long_and_one_quick_job_for_each_worker_or_what_a_hosted_app_allows():
    own = [Occupied("a", False, False, LONG)]
    for places, long, quick in (
        (Places(), False, True),
        (Places(workers=2), True, True),
        (Places(max_running=1), False, False),
        (Places(max_running=2), True, True),
    ):
        assert places.free_for(Entry("a", LONG), "a", own) == long
        assert places.free_for(Entry("a", QUICK), "a", own) == quick
        assert places.free_for(Entry("a", QUICK, question=True), "a", own), "a question besides"
        assert places.free_for(Entry("b", LONG), "b", own)
    assert Places(workers=2, max_running=1).free_for(
        Entry("", LONG), "", [Occupied("", False, False, LONG)]
    ), "whoever runs the app has all workers"


def test_places_in_line_and_waiting_times_follow_from_the_turns():
    queue = FairQueue()
    entries = [Entry("a", 100), Entry("a", 100), Entry("b", 100), Entry("c", 5)]
    for entry in entries:
        queue.add(entry)
    taken = [Occupied("d", False, False, 50), Occupied("e", False, False, 30)]
    found = foreseen(queue, taken, Places())
    assert [found[entry].ahead for entry in entries] == [1, 3, 2, 0]
    quick, first, second, third = (found[entries[index]].seconds for index in (3, 0, 2, 1))
    assert quick == 0, "a place is kept for it"
    assert first == pytest.approx(65)  # 30 s of one of two long runs, 5 s of a quick one
    assert second == pytest.approx(105)  # then 20 s of the other, which shares with the first
    assert second < third
    assert len(queue) == 4, "looking ahead changes nothing"


def test_ten_thousand_in_line_are_foreseen_within_a_moment():
    queue = FairQueue()
    for number in range(10_000):
        queue.add(Entry(f"v{number % 100}", LONG))
    started_at = time.perf_counter()
    found = foreseen(queue, [], Places())
    assert len(found) == 300
    assert time.perf_counter() - started_at < 2


def test_seconds_are_guessed_with_caution_and_then_learned():
    paces = Paces()
    quick = Request(model="embedded:residual-multi-standard", layer="stage1", steps=500)
    long = replace(quick, steps=50_000, goal=0.0)
    assert Entry("", paces.of_requests([quick])).quick
    assert not Entry("", paces.of_requests([long])).quick
    for _ in range(8):
        paces.learn([quick], 40.0)
    assert paces.of_requests([quick]) == pytest.approx(40)
    assert paces.of_requests([replace(quick, target="cat")]) == pytest.approx(40)
    assert paces.of_requests([quick, quick]) == pytest.approx(80)
    assert paces.of_requests([replace(quick, steps=1000)]) == pytest.approx(80, rel=0.3)
    paces.learn_question("compare timm:resnet18", 20)
    assert paces.of_question("compare timm:resnet18") == 20


# What a hosted app allows


@dataclass
class Line:
    """What `check_line` looks at."""

    queue: FairQueue
    runs: dict


def test_more_than_a_party_may_have_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setenv("IRI_HOSTED", "1")
    hosting.cache_clear()
    try:
        line = Line(FairQueue(), {})
        for submission in range(3):  # one may run, two may wait
            check_line(line, "a", 1)
            line.queue.add(Entry("a", LONG, submission))
        with pytest.raises(QueueFull, match="You have 3 jobs under way, the most"):
            check_line(line, "a", 1)
        check_line(line, "b", 24)
        check_line(line, "", 1000)
        with pytest.raises(QueueFull, match="25 images at once are more"):
            check_line(line, "b", 25)
        monkeypatch.setattr(limits, "MOST_IN_LINE", 3)
        with pytest.raises(QueueFull, match="The line is full: 3 jobs wait here already"):
            check_line(line, "b", 1)
    finally:
        monkeypatch.undo()
        hosting.cache_clear()


# Listeners


def test_listeners_are_told_of_changes_a_few_times_a_second_and_of_the_last_one(monkeypatch):
    monkeypatch.setattr(listening, "EVERY_SECONDS", 0.05)
    jobs = {key: Job(key) for key in "ab"}
    listeners, told = Listeners(jobs.get), []
    stop = listeners.listen(["a", "b"], told.append)
    for step in range(200):
        jobs["a"] = replace(jobs["a"], step=step, version=step)
        listeners.changed("a")
        time.sleep(0.001)
    deadline = time.monotonic() + 5
    while not any(job.step == 199 for job in told):
        assert time.monotonic() < deadline
    assert len(told) < 25
    stop()
    stop()
    told.clear()
    listeners.changed("a")
    time.sleep(0.15)
    assert told == []
    listeners.close()


def test_a_job_is_abandoned_when_nobody_watches_and_nobody_needs_it():
    listeners = Listeners(lambda key: Job(key, states.RUNNING))
    for key, abandonable in (("tab", True), ("sweep", False), ("both", True), ("both", False)):
        listeners.expect(key, abandonable)
    listeners.expect("watched", True)
    stop = listeners.listen(["watched"], lambda job: None)
    keys = ["tab", "sweep", "both", "watched"]
    assert listeners.abandoned(keys, 60.0) == []
    time.sleep(0.1)
    assert listeners.abandoned(keys, None) == []
    assert listeners.abandoned(keys, 0.1) == ["tab"]
    listeners.touch(["tab"])
    stop()
    assert listeners.abandoned(keys, 0.1) == []
    time.sleep(0.1)
    assert set(listeners.abandoned(keys, 0.1)) == {"tab", "watched"}
    listeners.close()


# Time slices


def test_one_run_at_a_time_computes_and_all_take_turns():
    device, computing, trace = Device(slice_seconds=0.02), [], []
    lock = threading.Lock()

    def run(name: str) -> None:
        with device.turn() as turn:
            for _ in range(40):
                with lock:
                    computing.append(name)
                    trace.append(name)
                    assert computing == [name]
                time.sleep(0.005)
                with lock:
                    computing.remove(name)
                turn.pass_on()
            assert 0.2 < turn.waited < 1.5

    threads = [threading.Thread(target=run, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert len(trace) == 120
    half = trace[:60]
    assert all(10 <= half.count(name) <= 30 for name in "abc"), "fair over runs"


def test_a_run_that_is_given_up_while_it_waits_has_the_next_turn_at_once():
    device, given_up, ended = Device(slice_seconds=60), threading.Event(), threading.Event()
    waiting = threading.Event()

    def cancelled() -> None:
        with device.turn(given_up.is_set, waiting.set):
            ended.set()

    with device.turn() as turn:
        thread = threading.Thread(target=cancelled)
        thread.start()
        turn.pass_on()
        assert not ended.is_set(), "the slice is not over"
        given_up.set()
        deadline = time.monotonic() + 5
        while not ended.is_set():
            assert time.monotonic() < deadline
            turn.pass_on()
    thread.join(5)


def test_a_run_that_waits_says_so_and_its_clock_stands_still(monkeypatch):
    monkeypatch.setattr("explorer.jobs.turns.NEWS_SECONDS", 0.05)
    device, said = Device(), []

    def wait() -> None:
        with device.turn(on_wait=lambda: said.append(1)) as turn:
            said.append(turn.now())

    with device.turn() as turn:
        before = time.perf_counter()
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.4)
        with turn.set_down():
            thread.join(5)
    assert 4 <= said.count(1) <= 9
    assert said[-1] == pytest.approx(before, abs=0.1)


def test_what_torch_holds_for_the_process_goes_with_the_run():
    device, entered, seen = Device(slice_seconds=0), threading.Event(), []
    # Two contexts that overlap would else restore each other's settings.
    torch.backends.cuda.matmul.allow_tf32 = True
    threads = torch.get_num_threads()

    def other() -> None:
        with device.turn() as turn:
            seen.append((torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32))
            with full_precision():
                entered.set()
                for _ in range(20):
                    turn.pass_on()
                    seen.append((torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32))

    try:
        with device.turn() as turn, full_precision():
            torch.set_num_threads(1)
            thread = threading.Thread(target=other)
            thread.start()
            while not entered.is_set():
                turn.pass_on()
            for _ in range(5):
                turn.pass_on()
                assert not torch.backends.cuda.matmul.allow_tf32
                assert torch.get_num_threads() == 1
        with device.turn():
            assert torch.backends.cuda.matmul.allow_tf32
            assert torch.get_num_threads() == threads
        thread.join(10)
        assert seen[0] == (threads, True)
        assert set(seen[1:]) == {(threads, False)}
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.set_num_threads(threads)


class Sliced(NullCallback):
    """The callback of a run that passes the device on at every step."""

    def __init__(self, turn) -> None:
        self.now, self.not_computing = turn.now, turn.set_down
        self._turn = turn

    def cancelled(self) -> bool:
        self._turn.pass_on()
        return False


def test_interleaved_runs_give_the_same_to_the_bit_as_alone():
    network, other = "embedded:residual-multi-standard", "embedded:imagenette-residual-adv1"
    base = Request(model=network, layer="stage1", steps=15, goal=0.2, nearest=True)
    batches = [
        [base, replace(base, target="cat", rng_seed=3)],
        [replace(base, layer="stage2", loss="freq-tv+transforms", nearest=False)],
        [replace(base, model=other, loss="regularizer-free+fourier", nearest=False)],
    ]
    alone = [generate_batch(batch) for batch in batches]
    random_state = torch.get_rng_state()
    device, made, switches = Device(slice_seconds=0), {}, []

    def run(number: int) -> None:
        with device.turn(on_wait=lambda: switches.append(number)) as turn:
            made[number] = generate_batch(batches[number], callback=Sliced(turn))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(batches))]
    started_at = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    wall = time.perf_counter() - started_at
    assert len(switches) > 40
    for number, results in enumerate(alone):
        for result, again in zip(results, made[number], strict=True):
            # Times are those of the run alone, and nothing else may differ.
            times = result.provenance
            same = replace(
                again.provenance,
                seconds=times.seconds,
                seconds_making=times.seconds_making,
                seconds_measuring=times.seconds_measuring,
            )
            again = replace(again, provenance=same)
            if result.tightening is not None:
                tightening = replace(again.tightening, seconds=result.tightening.seconds)
                again = replace(again, tightening=tightening)
            assert again.to_bytes() == result.to_bytes()
    total = sum(results[0].provenance.seconds for results in made.values())
    assert total < 1.3 * wall, "seconds of waiting are not counted"
    assert torch.equal(torch.get_rng_state(), random_state), "it is of the whole process"
