"""The database behind the store of judgements: where it is, its migrations, and group commit."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, insert, select, text
from study_material import postgres_server, small_set

from explorer.store import Store
from explorer.study import database as database_module
from explorer.study import tables
from explorer.study import writer as writer_module
from explorer.study.database import (
    NEWEST,
    database_url,
    migration_settings,
    open_database,
)
from explorer.study.records import Design, StudyError, Unavailable
from explorer.study.session_records import AnswerIn, UnknownCode
from explorer.study.shared import study_of_this_process
from explorer.study.store import Study
from explorer.study.writer import Writer


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
def database(url):
    opened = open_database(url)
    yield opened
    opened.dispose()


# Migrations


def differences(connection) -> list:
    """What the tables in the database have that the code's have not, and the other way round."""
    return compare_metadata(MigrationContext.configure(connection), tables.metadata)


def test_an_empty_database_gets_the_tables_that_the_code_speaks_of(database):
    with database.writer.connect() as connection:
        assert differences(connection) == []


def test_a_database_of_revision_1_is_brought_up_to_date_and_keeps_its_rows(url):
    first = open_database(url)
    with first.writer.begin() as connection:
        command.downgrade(migration_settings(connection), "1")
        names = set(tables.metadata.tables) - {"opinions"}
        assert names <= set(first.writer.dialect.get_table_names(connection))
        assert len(differences(connection)) > 1
        row = {"code": "ABCDEF", "title": "Old", "secret_hash": "0" * 64, "created_at": "then"}
        connection.execute(insert(tables.sessions), row)
    first.dispose()
    second = open_database(url)
    with second.writer.connect() as connection:
        assert differences(connection) == []
        assert connection.execute(select(tables.sessions.c.title)).scalar() == "Old"
    second.dispose()


def test_migrations_lead_back_to_nothing(database):
    with database.writer.begin() as connection:
        command.downgrade(migration_settings(connection), "base")
        assert database.writer.dialect.get_table_names(connection) == ["alembic_version"]


def test_the_newest_migration_is_the_one_that_the_code_names(database):
    with database.writer.begin() as connection:
        scripts = ScriptDirectory.from_config(migration_settings(connection))
    assert scripts.get_current_head() == NEWEST


def test_several_processes_may_open_an_empty_database_at_once(url):
    with ThreadPoolExecutor(4) as pool:
        for opened in pool.map(open_database, [url] * 4):
            opened.dispose()


def test_a_database_of_a_newer_version_is_left_alone(url):
    first = open_database(url)
    with first.writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '999'"))
    first.dispose()
    with pytest.raises(StudyError, match="newer version"):
        Study(url)


# Where it is


def test_without_a_setting_it_is_next_to_the_result_cache_for_its_owner_alone(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("IRI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("IRI_DATABASE_URL", raising=False)
    study = study_of_this_process()
    assert study_of_this_process() is study
    folder = tmp_path / "cache" / "study"
    assert (folder / "study.sqlite3").is_file()
    if os.name == "posix":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    store = Store(tmp_path / "cache")
    store.put("a-key", b"bytes")
    store.clear()
    assert study.open_session("Lecture", small_set(), Design())
    assert store.get("a-key") is None
    monkeypatch.setenv("IRI_DATABASE_URL", f"sqlite:///{tmp_path}/other.sqlite3")
    assert study_of_this_process() is not study
    study_of_this_process().disconnect()
    study.disconnect()


def test_the_setting_decides(monkeypatch):
    monkeypatch.setenv("IRI_DATABASE_URL", " postgresql://host/name ")
    assert database_url() == "postgresql://host/name"


@pytest.mark.parametrize("url", ["", "study", "mysql://host/name", "sqlite://", "a:b:c://"])
def test_an_address_of_no_database_says_what_would_be_right(url):
    with pytest.raises(StudyError, match="postgresql://USER:PASSWORD@HOST/NAME or sqlite:////FILE"):
        open_database(url)


def test_a_database_that_cannot_be_used_is_a_sentence_without_its_password(tmp_path, caplog):
    with pytest.raises(StudyError, match="cannot be used") as caught:
        open_database(f"postgresql://iri:s3cret@/name?host={tmp_path}")
    assert "s3cret" not in str(caught.value)
    assert "connection" not in str(caught.value), "where the server is, is for the log alone"
    assert "connection" in caplog.text
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot be used"):
        open_database(f"sqlite:///{tmp_path}/file/study.sqlite3")
    damaged = tmp_path / "damaged.sqlite3"
    damaged.write_bytes(b"not a database " * 1000)
    with pytest.raises(StudyError, match="not a database"):
        open_database(f"sqlite:///{damaged}")
    assert damaged.read_bytes().startswith(b"not a database ")


def test_a_commit_is_on_disk(database):
    sqlite = database.writer.dialect.name == "sqlite"
    with database.writer.connect() as connection:
        if sqlite:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_those_that_read_see_one_state_of_the_database(database):
    with database.reader.connect() as reader:
        count = select(tables.opinions.c.key)
        assert reader.execute(count).all() == []
        with database.writer.begin() as writer:
            writer.execute(insert(tables.opinions), _opinion("a"))
        assert reader.execute(count).all() == []
    with database.reader.connect() as reader:
        assert len(reader.execute(count).all()) == 1


def test_of_a_deleted_file_no_answer_is_acknowledged_and_a_new_one_is_begun(
    tmp_path, monkeypatch, caplog
):
    file = tmp_path / "cache" / "study" / "study.sqlite3"
    monkeypatch.setenv("IRI_DATABASE_URL", f"sqlite:///{file}")
    old = study_of_this_process()
    code = old.open_session("Lecture", small_set(), Design()).code
    token = old.join(code, "192.0.2.1").token
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(Unavailable, match="was deleted or replaced"):
        old.record(token, [AnswerIn(1, 1, 0, 0)])
    file.parent.mkdir(parents=True)
    with pytest.raises(UnknownCode):
        study_of_this_process().session(code)
    assert "people's judgements was deleted or replaced" in caplog.text
    assert file.is_file()
    assert study_of_this_process().open_session("Next", small_set(), Design()).code
    study_of_this_process().disconnect()


def test_a_file_that_is_moved_away_and_put_back_has_all_its_answers(tmp_path, monkeypatch):
    file, away = tmp_path / "study" / "study.sqlite3", tmp_path / "study" / "away.sqlite3"
    monkeypatch.setenv("IRI_DATABASE_URL", f"sqlite:///{file}")
    old = study_of_this_process()
    code = old.open_session("Lecture", small_set(), Design()).code
    file.rename(away)
    between = study_of_this_process()
    with pytest.raises(UnknownCode):
        between.session(code)
    between.open_session("Between", small_set(), Design())
    away.rename(file)
    assert study_of_this_process().session(code).title == "Lecture"
    study_of_this_process().disconnect()
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_process_that_ends_leaves_everything_in_the_one_file(tmp_path):
    file = tmp_path / "study.sqlite3"
    code = "from explorer.study.shared import study_of_this_process; study_of_this_process()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"IRI_DATABASE_URL": f"sqlite:///{file}"},
        check=False,
    )
    assert done.returncode == 0
    assert [each.name for each in tmp_path.iterdir()] == ["study.sqlite3"]


def test_a_database_that_does_not_answer_keeps_nobody_waiting(tmp_path, monkeypatch):
    monkeypatch.setattr(writer_module, "_PATIENCE_S", 0.2)
    database = open_database(f"sqlite:///{tmp_path / 'study.sqlite3'}")
    writer, answers = Writer(database.writer), threading.Event()
    with pytest.raises(Unavailable, match="does not answer"):
        writer.run(lambda connection: answers.wait(30))
    with pytest.raises(Unavailable):
        writer.run(lambda connection: pytest.fail("refused at once"))
    answers.set()
    monkeypatch.setattr(writer, "_refuses_until", 0.0)
    assert writer.run(lambda connection: "again") == "again"
    writer.stop()
    database.dispose()


def test_a_database_that_cannot_be_opened_is_not_tried_by_all_who_ask(tmp_path, monkeypatch):
    monkeypatch.setattr(database_module, "_WAIT_MS", 300)
    file = tmp_path / "study.sqlite3"
    monkeypatch.setenv("IRI_DATABASE_URL", f"sqlite:///{file}")
    open_database(database_url()).dispose()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(20) as pool:
            started = time.monotonic()
            jobs = [pool.submit(study_of_this_process) for _ in range(20)]
            assert {type(each.exception()) for each in jobs} == {Unavailable}
        assert time.monotonic() - started < 3


# One thread that writes


def _opinion(visitor: str) -> dict[str, str]:
    return {
        "visitor_hash": visitor,
        "key": "key",
        "value": "seed",
        "stimulus": "{}",
        "given_at": "then",
    }


@pytest.fixture
def writer(database):
    running = Writer(database.writer)
    yield running
    running.stop()


def test_what_many_write_at_once_shares_a_few_commits(database, writer):
    commits = []
    event.listen(database.writer, "commit", lambda connection: commits.append(connection))
    started, go = threading.Event(), threading.Event()

    def slow(connection):
        started.set()
        go.wait(20)

    def write(number):
        values = _opinion(str(number))
        writer.run(lambda each: each.execute(insert(tables.opinions), values) and None)
        with database.reader.connect() as reader:  # told only when others can see it
            visitor = select(tables.opinions.c.key).where(
                tables.opinions.c.visitor_hash == str(number)
            )
            return len(reader.execute(visitor).all())

    with ThreadPoolExecutor(101) as pool:
        first = pool.submit(writer.run, slow)
        assert started.wait(20)
        jobs = [pool.submit(write, number) for number in range(100)]
        while writer._jobs.qsize() < 100:
            threading.Event().wait(0.01)
        go.set()
        first.result()
        assert [each.result() for each in jobs] == [1] * 100
    assert len(commits) == 2


def test_while_it_is_locked_all_are_told_together_and_soon(url, monkeypatch):
    """By another program, as long as it likes: each waiting for itself, they would wait in line."""
    monkeypatch.setattr(database_module, "_WAIT_MS", 300)
    database = open_database(url)
    writer = Writer(database.writer)
    is_sqlite = database.writer.dialect.name == "sqlite"

    def write(visitor):
        writer.run(lambda each: each.execute(insert(tables.opinions), _opinion(visitor)) and None)

    other = database.writer.dialect.create_connect_args(database.url)
    with closing(database.writer.dialect.import_dbapi().connect(*other[0], **other[1])) as lock:
        lock.execute("BEGIN IMMEDIATE" if is_sqlite else "LOCK TABLE opinions IN EXCLUSIVE MODE")
        started = time.monotonic()
        with ThreadPoolExecutor(40) as pool:
            jobs = [pool.submit(write, str(number)) for number in range(40)]
            with database.reading() as connection:
                assert connection.execute(select(tables.opinions.c.key)).all() == []
            assert {type(each.exception()) for each in jobs} == {Unavailable}
        assert time.monotonic() - started < 3
        lock.rollback()
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            write("later")
            break
        except Unavailable:
            time.sleep(0.1)
    with database.reading() as connection:
        assert len(connection.execute(select(tables.opinions.c.key)).all()) == 1
    writer.stop()
    database.dispose()


def test_what_fails_takes_nothing_of_the_others_with_it(database, writer):
    started, go = threading.Event(), threading.Event()

    def slow(connection):
        started.set()
        go.wait(20)

    def write(number):
        values = _opinion(str(number))
        if number == 3:
            values["value"] = None  # NOT NULL
        writer.run(lambda each: each.execute(insert(tables.opinions), values) and None)
        with database.reader.connect() as reader:  # told only when others can see it
            visitor = select(tables.opinions.c.key).where(
                tables.opinions.c.visitor_hash == str(number)
            )
            return len(reader.execute(visitor).all())

    def refuse(connection):
        raise StudyError("not this")

    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(writer.run, slow)
        assert started.wait(20)
        jobs = [pool.submit(write, number) for number in range(8)]
        refused = pool.submit(writer.run, refuse)
        while writer._jobs.qsize() < 9:
            threading.Event().wait(0.01)
        go.set()
        first.result()
        with pytest.raises(StudyError, match="cannot be written now"):
            jobs.pop(3).result()
        assert [each.result() for each in jobs] == [1] * 7
        with pytest.raises(StudyError, match="not this"):
            refused.result()
    with database.reader.connect() as reader:
        assert len(reader.execute(select(tables.opinions.c.key)).all()) == 7
