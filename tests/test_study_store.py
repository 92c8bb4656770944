"""The store of judgements, on SQLite and on PostgreSQL: sessions, answers, and what is refused."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, text
from study_material import postgres_server, small_set

from explorer.study import store as store_module
from explorer.study.design import trials_of
from explorer.study.limits import FAST_PHONE, FULL, MANY_JOINING, NO_SUCH_TRIAL, Limits
from explorer.study.presence import Presence
from explorer.study.records import Answer, Design, Kind, RoundState, StudyError, Task, Timing
from explorer.study.session_records import (
    AnswerIn,
    Counts,
    Device,
    NotAllowed,
    TooMany,
    UnknownCode,
    UnknownToken,
)
from explorer.study.store import Study

SET = small_set()
DESIGN = Design(main=6, practice=2, catch=2, timing=Timing(image_ms=200))


@pytest.fixture(scope="module")
def server():
    with postgres_server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/study/study.sqlite3"
    return request.getfixturevalue("server").new_database()


@pytest.fixture
def study(url):
    opened = Study(url)
    yield opened
    opened.disconnect()


@pytest.fixture
def opened(study):
    return study.open_session("Lecture 1", SET, DESIGN)


@pytest.fixture
def token(study, opened):
    return study.join(opened.code, "192.0.2.1").token


def answer(trial: int, position: int = 0, **more) -> AnswerIn:
    return AnswerIn(**{"round": 1, "vote": 1, "trial": trial, "position": position} | more)


def status(receipts) -> list[str]:
    return [each.status for each in receipts]


# Sessions


def test_a_session_is_found_by_its_code_however_it_is_typed(study, opened):
    typed = f" {opened.code[:3].lower()} {opened.code[3:]}"
    session = study.session(typed)
    assert (session.code, session.title, session.closed) == (opened.code, "Lecture 1", False)
    assert len(opened.code) == 6
    current = session.current
    assert (current.number, current.vote, current.state) == (1, 1, RoundState.OPEN)
    assert current.design == DESIGN
    assert study.stimulus_set(current.set_id).to_bytes() == SET.to_bytes()


def test_a_wrong_code_is_a_sentence(study):
    with pytest.raises(UnknownCode, match="six letters and digits"):
        study.session("NOSUCH")
    with pytest.raises(UnknownCode):
        study.join("'; DROP TABLE sessions; --", "192.0.2.1")
    for no_text in ("\ud800", "AB\x00CDE"):
        with pytest.raises(UnknownCode):
            study.session(no_text)
    title = study.session(study.open_session("Owls\ud800 \x00at\nnight", SET, DESIGN).code).title
    assert title == "Owls at night"
    assert not study.is_lecturer("NOSUCH", "secret")


def test_a_design_that_the_set_does_not_allow_is_refused_before_anything_is_stored(study, url):
    with pytest.raises(StudyError, match="main"):
        study.open_session("Too many", SET, Design(main=21))
    with pytest.raises(StudyError, match="title"):
        study.open_session("  ", SET, DESIGN)
    assert rows(url, "sessions") == rows(url, "stimulus_sets") == 0


@pytest.mark.parametrize(
    "action", ["next_round", "second_vote", "pause", "resume", "reveal", "close", "delete"]
)
def test_nobody_without_the_secret_may_do_what_the_lecturer_does(study, opened, action):
    before = study.session(opened.code)
    for wrong in ("", opened.code, opened.secret[:-1], f"{opened.secret}x"):
        with pytest.raises(NotAllowed):
            getattr(study, action)(opened.code, wrong)
        assert not study.is_lecturer(opened.code, wrong)
    other = study.open_session("Another", SET, DESIGN)
    with pytest.raises(NotAllowed):
        getattr(study, action)(opened.code, other.secret)
    assert study.session(opened.code) == before
    assert study.is_lecturer(opened.code, opened.secret)


def test_neither_secrets_nor_addresses_are_in_the_database(study, opened, token, url):
    study.record(token, [answer(0)], "192.0.2.1")
    stored = repr(everything(url))
    assert opened.code in stored
    for hidden in (opened.secret, token, "192.0.2.1"):
        assert hidden not in stored


def test_deleting_a_session_leaves_nothing_of_it_and_all_of_the_others(study, opened, token, url):
    other = study.open_session("Other", small_set(title="Another set"), DESIGN)
    study.record(study.join(other.code, "192.0.2.1").token, [answer(0)])
    kept = everything(url)
    mine = study.open_session("Mine", small_set(title="Mine"), DESIGN)
    visitor = study.join(mine.code, "192.0.2.1").token
    study.record(visitor, [answer(0), answer(99)])
    study.second_vote(mine.code, mine.secret)
    study.progress(mine.code)
    study.delete(mine.code, mine.secret)
    study._tally.write()
    assert everything(url) == kept
    with pytest.raises(UnknownCode):
        study.session(mine.code)
    for call in (study.state, study.trials, lambda each: study.record(each, [answer(1)])):
        with pytest.raises(UnknownToken, match="join again"):
            call(visitor)
    assert study.picture(small_set(title="Mine").stimuli[0].iri) is None


def test_sessions_of_one_set_share_it_and_keep_it_until_the_last_is_deleted(study, opened, url):
    second = study.open_session("Second", SET, DESIGN)
    assert rows(url, "stimulus_sets") == 1
    study.delete(opened.code, opened.secret)
    assert study.picture(SET.stimuli[0].iri) == SET.pictures[SET.stimuli[0].iri]
    study.delete(second.code, second.secret)
    assert rows(url, "stimulus_sets") == rows(url, "set_pictures") == 0


# Answers


def test_answers_say_what_the_trials_offered_at_the_position(study, opened, token):
    trials = study.trials(token)
    (participant, rng_seed), *_ = study.rng_seeds(opened.code).items()
    assert trials == trials_of(DESIGN, SET, rng_seed)
    given = [answer(each.number, each.number % 2, response_ms=812.5) for each in trials]
    receipts = study.record(token, given)
    assert status(receipts) == ["accepted"] * 10
    answers = study.answers(opened.code, 1)
    assert [each.trial for each in answers] == list(range(10))
    for each, trial in zip(answers, trials, strict=True):
        assert each.participant == participant
        assert (each.round, each.vote, each.response_ms) == (1, 1, 812.5)
        assert (each.kind, each.task, each.stimulus) == (trial.kind, trial.task, trial.stimulus)
        assert each.value == trial.options[trial.number % 2].value
        known = trial.kind in (Kind.PRACTICE, Kind.CATCH)
        assert each.correct == ((each.value == trial.correct) if known else None)


def test_only_practice_is_told_the_right_position(study, token):
    trials = study.trials(token)
    given = [answer(each.number) for each in trials]
    for receipts in (study.record(token, given), study.record(token, given)):
        for receipt, trial in zip(receipts, trials, strict=True):
            if trial.kind is Kind.PRACTICE:
                assert trial.options[receipt.correct].value == trial.correct
            else:
                assert receipt.correct is None


def test_the_first_answer_to_a_trial_counts_however_often_it_is_sent(study, opened, token):
    receipts = study.record(token, [answer(3, 1), answer(3, 0), answer(3, 1)])
    assert status(receipts) == ["accepted", "duplicate", "duplicate"]
    with ThreadPoolExecutor(16) as pool:
        sent = [pool.submit(study.record, token, [answer(4, each % 2)]) for each in range(32)]
        counts = Counter(each.result()[0].status for each in sent)
    assert counts == {"accepted": 1, "duplicate": 31}
    stored = study.answers(opened.code, 1)
    assert [each.trial for each in stored] == [3, 4]
    assert stored[0].position == 1


@pytest.mark.parametrize("wrong", [(-1, 0), (10, 0), (2**40, 0), (0, 2), (0, -1), (0, 2**40)])
def test_answers_to_what_was_not_asked_are_refused_for_good(study, opened, token, wrong):
    receipt, right = study.record(token, [answer(*wrong), answer(5)])
    assert (receipt.status, receipt.later) == ("refused", False)
    assert receipt.reason.startswith("There is no ")
    assert right.status == "accepted"
    assert study.progress(opened.code).refused == {NO_SUCH_TRIAL: 1}


def test_times_of_a_clock_that_is_off_are_left_out_and_the_answer_counts(study, opened, token):
    wrong = [float("nan"), float("inf"), -3.0, 1e300]
    given = [answer(n, response_ms=each, shown_ms=each, clock=each) for n, each in enumerate(wrong)]
    assert status(study.record(token, given)) == ["accepted"] * 4
    for each in study.answers(opened.code, 1):
        assert (each.response_ms, each.shown_ms) == (None, None)


def test_a_paused_round_takes_answers_later_and_a_revealed_one_never(study, opened, token):
    study.pause(opened.code, opened.secret)
    assert study.state(token).state is RoundState.PAUSED
    (receipt,) = study.record(token, [answer(0)])
    assert (receipt.status, receipt.later) == ("refused", True)
    study.resume(opened.code, opened.secret)
    assert status(study.record(token, [answer(0)])) == ["accepted"]
    study.reveal(opened.code, opened.secret)
    (receipt,) = study.record(token, [answer(1)])
    assert (receipt.status, receipt.later) == ("refused", False)
    with pytest.raises(StudyError, match="shown already"):
        study.resume(opened.code, opened.secret)


def test_a_closed_session_takes_nobody_and_nothing_but_can_be_revealed(study, opened, token):
    study.close(opened.code, opened.secret)
    assert study.session(opened.code).closed
    assert study.state(token).closed
    (receipt,) = study.record(token, [answer(0)])
    assert (receipt.status, receipt.later) == ("refused", False)
    with pytest.raises(StudyError, match="has ended"):
        study.join(opened.code, "192.0.2.1")
    with pytest.raises(StudyError, match="is closed"):
        study.next_round(opened.code, opened.secret)
    study.reveal(opened.code, opened.secret)
    assert study.session(opened.code).current.state is RoundState.REVEALED


def test_the_second_vote_asks_about_the_same_images(study, opened, token):
    first = study.trials(token)
    study.record(token, [answer(each.number) for each in first])
    round_ = study.second_vote(opened.code, opened.secret)
    assert (round_.number, round_.vote, round_.state) == (1, 2, RoundState.OPEN)
    second = study.trials(token)
    main = [{each.stimulus for each in vote if each.kind is Kind.MAIN} for vote in (first, second)]
    assert main[0] == main[1]
    state = study.state(token)
    assert (state.vote, state.answered, state.total) == (2, (), len(second))
    late, now = study.record(token, [answer(0), answer(0, vote=2)])
    assert (late.status, late.later, now.status) == ("refused", False, "accepted")
    assert [len(study.answers(opened.code, 1, vote)) for vote in (1, 2, None)] == [10, 1, 11]
    with pytest.raises(StudyError, match="second vote"):
        study.second_vote(opened.code, opened.secret)
    study.reveal(opened.code, opened.secret)
    assert {each.state for each in study.session(opened.code).rounds} == {RoundState.REVEALED}


def test_the_next_round_draws_anew_and_ends_the_one_before(study, opened, token):
    before = study.trials(token)
    more = replace(DESIGN, main=9, task=Task.CLUSTERING)
    round_ = study.next_round(opened.code, opened.secret, design=more)
    assert (round_.number, round_.vote, round_.design) == (2, 1, more)
    assert [each.closed for each in study.session(opened.code).rounds] == [True, False]
    rng_seeds = study.rng_seeds(opened.code, 2)
    assert study.trials(token) == trials_of(more, SET, *rng_seeds.values())
    assert rng_seeds != study.rng_seeds(opened.code)
    other = small_set(title="Other")
    study.next_round(opened.code, opened.secret, other, DESIGN)
    assert study.session(opened.code).current.set_id == other.id
    assert [each.image for each in study.trials(token)] != [each.image for each in before]
    (receipt,) = study.record(token, [answer(0, round=4)])
    assert "no round 4" in receipt.reason


def test_an_answer_in_flight_while_the_next_round_opens_is_never_stored_in_it(study, opened):
    tokens = [study.join(opened.code, "192.0.2.1").token for _ in range(8)]
    start = threading.Barrier(9)

    def answer_one(each: str) -> str:
        start.wait()
        return study.record(each, [answer(1)])[0].status

    with ThreadPoolExecutor(9) as pool:
        sent = [pool.submit(answer_one, each) for each in tokens]
        opening = pool.submit(lambda: (start.wait(), study.next_round(opened.code, opened.secret)))
        statuses = [each.result() for each in sent]
        opening.result()
    assert study.answers(opened.code, 2) == []
    assert len(study.answers(opened.code, 1)) == statuses.count("accepted")


# Progress, and limits


def test_progress_counts_people_by_how_far_they_are(study, opened):
    tokens = [study.join(opened.code, "192.0.2.1").token for _ in range(3)]
    study.record(tokens[1], [answer(0), answer(1)])
    study.record(tokens[2], [answer(each) for each in range(10)])
    progress = study.progress(opened.code)
    assert (progress.joined, progress.answering, progress.finished) == (3, 1, 1)
    assert progress.answers == 12
    assert [each[1:] for each in progress.participants] == [(0, 10), (2, 10), (10, 10)]
    assert [each[0] for each in progress.participants] == list(study.rng_seeds(opened.code))
    assert progress.refused == {}


def test_ten_thousand_answers_of_a_bot_are_counted_once_each_and_told_to_the_lecturer(
    study, opened, url
):
    bot = study.join(opened.code, "192.0.2.1").token
    flood = [answer(each % 10) for each in range(100)]
    statuses = Counter()
    for _ in range(100):
        statuses.update(status(study.record(bot, flood, "192.0.2.1")))
    assert statuses["accepted"] == 10
    assert sum(statuses.values()) == 10_000
    assert study.progress(opened.code).refused == {FAST_PHONE: statuses["refused"]}
    assert statuses["refused"] > 9000
    honest = study.join(opened.code, "192.0.2.1").token
    receipts = study.record(honest, [answer(each) for each in range(10)], "192.0.2.1")
    assert status(receipts) == ["accepted"] * 10
    study.disconnect()
    again = Study(url)
    assert again.progress(opened.code).refused == {FAST_PHONE: statuses["refused"]}
    assert rows(url, "answers") == 20
    again.disconnect()


def test_what_is_too_much_for_now_is_sent_again_later(study, opened, token):
    study._limits = Limits(clock=lambda: 0.0)
    receipts = study.record(token, [answer(0)] * 302)
    assert status(receipts) == ["accepted"] + ["duplicate"] * 299 + ["refused"] * 2
    assert [each.later for each in receipts[300:]] == [True, True]


def test_who_joins_too_often_from_one_address_is_told_to_wait(study, opened):
    study._limits = Limits(clock=lambda: 0.0)
    while study._limits.may_join("192.0.2.7"):
        pass
    for _ in range(3):
        with pytest.raises(TooMany, match="in a minute"):
            study.join(opened.code, "192.0.2.7")
    study.join(opened.code, "198.51.100.1")
    progress = study.progress(opened.code)
    assert (progress.joined, progress.refused) == (1, {MANY_JOINING: 3})


def test_a_full_session_says_so(study, opened, monkeypatch):
    monkeypatch.setattr("explorer.study.answering.MOST_PARTICIPANTS", 2)
    for _ in range(2):
        study.join(opened.code, "192.0.2.1")
    with pytest.raises(StudyError, match="is full"):
        study.join(opened.code, "192.0.2.1")
    assert study.progress(opened.code).refused == {FULL: 1}


def test_joins_that_nothing_follows_are_not_counted_and_take_no_place(study, opened, monkeypatch):
    """As of a program that joins again and again."""
    monkeypatch.setattr("explorer.study.answering.MOST_PARTICIPANTS", 5)
    clock = [0.0]
    study._presence = Presence(lambda: clock[0])
    answered, looking = (study.join(opened.code, "192.0.2.1").token for _ in range(2))
    study.record(answered, [answer(0)])
    for _ in range(3):
        study.join(opened.code, "192.0.2.1")
    assert study.progress(opened.code).joined == 5
    with pytest.raises(StudyError, match="is full"):
        study.join(opened.code, "192.0.2.1")
    study._writer.run(
        lambda connection: connection.execute(
            text("UPDATE participants SET joined_at = '2026-01-01T00:00:00.000+00:00'")
        )
    )
    clock[0] = 1000.0
    study.state(looking)
    progress = study.progress(opened.code)
    assert (progress.joined, progress.answering, progress.answers) == (2, 1, 1)
    late = study.join(opened.code, "192.0.2.1").token
    assert study.progress(opened.code).joined == 3
    clock[0] = 1119.0
    assert study.progress(opened.code).joined == 3
    clock[0] = 1121.0
    study.trials(late)
    assert study.progress(opened.code).joined == 2
    study.second_vote(opened.code, opened.secret)
    assert study.progress(opened.code).joined == 2
    study.state(looking)
    assert study.progress(opened.code).joined == 3


def test_what_a_phone_says_of_itself_is_kept_short_and_printable(study, opened, url):
    study.join(opened.code, "192.0.2.1", screen="390×844\n\x00", browser="B" * 5000)
    (row,) = everything(url)["participants"]
    assert row["screen"] == "390×844"
    assert row["browser"] == "B" * 40
    assert list(study.devices(opened.code).values()) == [Device("390×844", "B" * 40)]


# After a restart


def test_everybody_goes_on_where_they_were_after_a_restart(url):
    first = Study(url)
    opened = first.open_session("Lecture", SET, DESIGN)
    token = first.join(opened.code, "192.0.2.1").token
    trials = first.trials(token)
    first.record(token, [answer(0), answer(1)])
    state, session = first.state(token), first.session(opened.code)
    first.disconnect()
    second = Study(url)
    assert (second.state(token), second.session(opened.code)) == (state, session)
    assert second.trials(token) == trials
    assert second.picture(trials[0].image) == SET.pictures[trials[0].image]
    assert status(second.record(token, [answer(1), answer(2)])) == ["duplicate", "accepted"]
    assert second.is_lecturer(opened.code, opened.secret)
    second.disconnect()
    with pytest.raises(StudyError, match="closed"):
        second.record(token, [answer(3)])


def test_two_processes_may_use_one_database(study, opened, token, url):
    other = Study(url)
    try:
        assert status(other.record(token, [answer(0)])) == ["accepted"]
        assert status(study.record(token, [answer(0)])) == ["duplicate"]
        other.pause(opened.code, opened.secret)
        assert study.record(token, [answer(1)])[0].later
        other.delete(opened.code, opened.secret)
        with pytest.raises(UnknownToken):
            study.record(token, [answer(2)])
    finally:
        other.disconnect()


# Alone, elsewhere, and opinions


def test_the_permanent_session_keeps_its_code_and_follows_the_default_set(study, monkeypatch):
    monkeypatch.setattr(store_module, "default_set", lambda: SET)
    code = study.alone()
    assert study.alone() == code
    assert len(study.session(code).rounds) == 1
    token = study.join(code, "192.0.2.1").token
    assert study.state(token).alone
    assert status(study.record(token, [answer(0)])) == ["accepted"]
    other = small_set(title="Next release")
    monkeypatch.setattr(store_module, "default_set", lambda: other)
    assert study.alone() == code
    session = study.session(code)
    assert [each.set_id for each in session.rounds] == [SET.id, other.id]
    assert len(study.answers(code, 1)) == 1
    assert not study.is_lecturer(code, "")


def test_only_those_who_agreed_are_compared_with_later_takers(study, opened):
    tokens = [
        study.join(opened.code, "192.0.2.1", pooled=pooled).token for pooled in (True, False, True)
    ]
    for token in tokens:
        study.record(token, [answer(0), answer(1)])
    study.second_vote(opened.code, opened.secret)
    study.record(tokens[0], [answer(0, vote=2)])
    participants = list(study.rng_seeds(opened.code))
    pooled = study.pooled_answers(opened.code, 1)
    assert [(each.participant, each.vote, each.trial) for each in pooled] == [
        (participants[place], 1, trial) for place in (0, 2) for trial in (0, 1)
    ]
    own = study.own_answers(tokens[0])
    assert [(each.participant, each.vote, each.trial) for each in own] == [
        (participants[0], 1, 0),
        (participants[0], 1, 1),
        (participants[0], 2, 0),
    ]
    assert study.state(tokens[0]).set_id == SET.id


def test_answers_given_elsewhere_are_imported_once(study, opened):
    given = [
        Answer(
            participant=f"elsewhere-{n % 2}",
            round=1,
            vote=1,
            trial=n,
            kind=Kind.MAIN,
            task=Task.TWO_ALTERNATIVES,
            stimulus=f"image-{n}",
            value="seed",
            position=1,
            correct=None,
            response_ms=900.0,
            shown_ms=None,
            answered_at="2026-05-04T03:02:01.000+00:00",
        )
        for n in range(6)
    ]
    seeds = {"elsewhere-0": 7, "elsewhere-1": 2**53 - 1}
    with pytest.raises(NotAllowed):
        study.add_answers(opened.code, "wrong", given, seeds)
    assert study.add_answers(opened.code, opened.secret, given, seeds) == 6
    assert study.add_answers(opened.code, opened.secret, given, seeds) == 0
    assert sorted(study.answers(opened.code, 1), key=lambda each: each.trial) == given
    assert study.rng_seeds(opened.code) == seeds
    with pytest.raises(StudyError, match="no round 1 with vote 2"):
        study.add_answers(opened.code, opened.secret, [replace(given[0], vote=2)], seeds)
    with pytest.raises(StudyError, match="random seed"):
        study.add_answers(opened.code, opened.secret, given, {})


def test_of_each_visitor_the_first_opinion_of_a_result_counts(study, url):
    first, second = SET.stimuli[:2]
    for visitor, value in (("a", "target"), ("a", "seed"), ("b", "seed"), ("c", "seed")):
        study.record_opinion(visitor, first, value)
    study.record_opinion("a", second, "seed")
    assert study.opinions(first.key) == Counts(target=1, seed=2)
    assert study.opinions(second.key) == Counts(target=0, seed=1)
    assert study.opinions("unknown") == Counts(0, 0)
    with pytest.raises(StudyError, match="target and seed"):
        study.record_opinion("d", first, "neither")
    assert first.model in everything(url)["opinions"][0]["stimulus"]


# What is in the database, seen past the store


def everything(url: str) -> dict[str, list[dict]]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    names = ("stimulus_sets", "set_pictures", "sessions", "rounds", "participants", "answers")
    try:
        with engine.connect() as connection:
            return {
                name: list(map(dict, connection.execute(text(f"SELECT * FROM {name}")).mappings()))
                for name in (*names, "refusals", "opinions")
            }
    finally:
        engine.dispose()


def rows(url: str, table: str) -> int:
    return len(everything(url)[table])
