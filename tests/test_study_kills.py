"""SIGKILL in mid-session: what was acknowledged is there, and everybody goes on where they were."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError
from study_material import postgres_server, small_set

from explorer.study.records import Design, StudyError
from explorer.study.session_records import AnswerIn
from explorer.study.store import Study

DESIGN = Design(main=12, practice=2, catch=4)
TRIALS = 18

# Forks children that have everything imported: each opens the store and lets four phones answer
# one trial after another, those of its predecessor's first, until it is killed. What they tell
# through the pipe is what they were told was recorded.
KILLER = """
import json, os, random, signal, sys, threading, time
from explorer.study.session_records import AnswerIn
from explorer.study.store import Study
import alembic.command

url, code, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
randomly = random.Random(0)

def phone(study, tell, tokens):
    while True:
        token = next(tokens, None) or study.join(code, "192.0.2.1").token
        tell(["joined", token])
        state = study.state(token)
        for trial in set(range(state.total)) - set(state.answered):
            [receipt] = study.record(token, [AnswerIn(1, 1, trial, trial % 2)])
            tell([receipt.status, token, trial])

def child(pipe, tokens):
    study, tokens = Study(url), iter(tokens)
    def tell(what):
        os.write(pipe, (json.dumps(what) + "\\n").encode())
    def run():
        try:
            phone(study, tell, tokens)
        except BaseException as error:
            tell(["failed", repr(error)])
            os._exit(1)
    for _ in range(4):
        threading.Thread(target=run).start()

told, tokens = [], []
for _ in range(kills):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        child(writer, tokens)
        signal.pause()
    os.close(writer)
    lines = os.fdopen(reader, "rb")
    mine = []
    enough = randomly.randrange(3, 24)
    for line in lines:
        mine.append(json.loads(line))
        if len(mine) == enough:
            time.sleep(randomly.random() / 100)
            os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    told += mine
    done = [each[1] for each in told if each[0] != "joined"]
    everybody = dict.fromkeys(each[1] for each in told)
    tokens = [each for each in everybody if done.count(each) < 18]
json.dump(told, sys.stdout)
"""


@pytest.fixture(scope="module")
def server():
    with postgres_server(fsync=True) as running:
        yield running


def killed(url: str, code: str, kills: int) -> list[list]:
    """What the phones were told by a process that was killed so many times."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER, url, code, str(kills)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def check_nothing_is_missing(study: Study, code: str, told: list[list]) -> None:
    """Every acknowledgement has its row, every row is there once, and everybody can finish."""
    acknowledged = {(token, trial) for status, token, *rest in told for trial in rest}
    assert [each for each in told if each[0] == "failed"] == []
    assert {status for status, *_ in told} <= {"joined", "accepted", "duplicate"}
    tokens = dict.fromkeys(token for _, token, *_ in told)
    states = {token: study.state(token) for token in tokens}
    stored = {(token, trial) for token, state in states.items() for trial in state.answered}
    assert acknowledged <= stored
    for token, state in states.items():
        rest = [AnswerIn(1, 1, each, 0) for each in range(TRIALS) if each not in state.answered]
        assert {each.status for each in study.record(token, rest)} <= {"accepted"}
    answers = study.answers(code, 1)
    count = Counter((each.participant, each.trial) for each in answers)
    assert set(count.values()) == {1}
    for token, trial in acknowledged:
        assert count[states[token].participant, trial] == 1
    told_positions = {(states[token].participant, trial): trial % 2 for token, trial in stored}
    for each in answers:
        assert each.position == told_positions.get((each.participant, each.trial), 0)


@pytest.mark.slow
def test_twenty_kills_on_sqlite_lose_no_acknowledged_answer(tmp_path):
    url = f"sqlite:///{tmp_path}/study/study.sqlite3"
    study = Study(url)
    code = study.open_session("Killed", small_set(), DESIGN).code
    told = killed(url, code, 20)
    assert sum(status == "accepted" for status, *_ in told) > 100
    check_nothing_is_missing(study, code, told)
    study.disconnect()


@pytest.mark.slow
def test_kills_of_the_process_and_of_postgresql_lose_no_acknowledged_answer(server):
    url = server.new_database()
    study = Study(url)
    code = study.open_session("Killed", small_set(), DESIGN).code
    told = killed(url, code, 5)
    server.kill()
    with pytest.raises(StudyError, match="try again in a moment") as caught:
        study.session(code)
    assert isinstance(caught.value.__cause__, SQLAlchemyError)
    server.start()
    check_nothing_is_missing(study, code, told)
    study.disconnect()
