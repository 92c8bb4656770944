"""The SQL database of people's judgements: which it is, its connections and its migrations."""

from __future__ import annotations

import importlib.util
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from explorer.errors import RequestError, without_folders
from explorer.store.settings import data_directory
from explorer.study.records import StudyError, Unavailable

VARIABLE = "IRI_DATABASE_URL"
NEWEST = "3"
"""The newest migration, to which a database is brought when it is opened."""

_NO_ADDRESS = (
    "no address of a database that can be used here; write postgresql://USER:PASSWORD@HOST/NAME or "
    "sqlite:////FILE"
)
_NO_PSYCOPG = "PostgreSQL needs the package psycopg; install it by pip install 'psycopg[binary]'"
_SQLITE = b"SQLite format 3\0"
_MIGRATING = 0x1_21_57  # number of PostgreSQL's advisory lock
_WAIT_MS = 3_000  # for whoever writes to the same SQLite file or rows, or for a connection

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Database:
    """Connections: `writer` for the one thread that writes, `reader` for all that only read.

    file: device and number of the SQLite file that they have open; None for PostgreSQL. beside: of
    the files in which SQLite keeps its newest changes, by their paths.
    """

    url: URL
    writer: Engine
    reader: Engine
    file: tuple[int, int] | None = None
    beside: Mapping[Path, tuple[int, int] | None] = field(default_factory=dict)

    @property
    def is_gone(self) -> bool:
        """Whether the SQLite file was deleted or replaced: what is written goes nowhere."""
        return self.file is not None and self.file != _inode(self.url.database)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database and changes nothing."""
        try:
            with self.reader.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            log.error("judgements cannot be read: %s", reason_of(error))
            raise Unavailable("The database cannot be read now; try again in a moment.") from error

    def dispose(self) -> None:
        """Close all connections.

        A SQLite file that was moved takes its newest changes along: they would be lost to it, and
        be written into the file that takes its place.
        """
        self.reader.dispose()
        is_gone = self.is_gone
        if is_gone and self.writer.pool.checkedin():  # type: ignore[attr-defined]
            connection = self.writer.raw_connection()
            with suppress(SQLAlchemyError, sqlite3.Error):
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
        self.writer.dispose()
        if is_gone:
            for path, inode in self.beside.items():
                if inode is not None and inode == _inode(path):
                    path.unlink(missing_ok=True)


def database_url() -> str:
    """What IRI_DATABASE_URL says, else the SQLite file next to the result cache."""
    chosen = os.environ.get(VARIABLE, "").strip()
    return chosen or f"sqlite:///{data_directory() / 'study' / 'study.sqlite3'}"


def check_database_url() -> None:
    """Raise RequestError for an IRI_DATABASE_URL that cannot be used; connects to nothing."""
    chosen = os.environ.get(VARIABLE, "").strip()
    if not chosen:
        return
    parsed = _known(chosen)
    if parsed is None:
        raise RequestError(VARIABLE, f"it is {_NO_ADDRESS}")
    if parsed.get_backend_name() == "postgresql":
        if importlib.util.find_spec("psycopg") is None:
            raise RequestError(VARIABLE, _NO_PSYCOPG)
        return
    problem = _problem_of(Path(str(parsed.database)))
    if problem:
        raise RequestError(VARIABLE, f"{problem}; write sqlite:////FILE in a folder of yours")


def _problem_of(file: Path) -> str | None:
    """Why a SQLite file can be neither opened nor made; its folder may be made, not that one's."""
    try:
        folder = file.parent
        if not folder.is_dir() and not folder.parent.is_dir():
            return f"there is no folder {folder}"
        place = folder if folder.is_dir() else folder.parent
        if not os.access(place, os.W_OK | os.X_OK):
            return f"nothing can be written to the folder {place}"
        if not file.exists():
            return None
        if not file.is_file():
            return f"{file} is not a file"
        if not os.access(file, os.R_OK | os.W_OK):
            return f"the file {file} cannot be read and written"
        with file.open("rb") as opened:
            start = opened.read(len(_SQLITE))
    except (OSError, ValueError) as error:  # such as a name that is too long
        return f"the file cannot be used ({reason_of(error)})"
    return f"the file {file} is no SQLite database" if start not in (b"", _SQLITE) else None


def open_database(url: str) -> Database:
    """Connect, and bring the tables up to date.

    Raises
    ------
    StudyError
        If the address is not one of PostgreSQL or of a SQLite file, or a newer version of this
        program wrote it; Unavailable if the database cannot be reached or written.
    """
    parsed = _parse(url)
    is_file = parsed.get_backend_name() == "sqlite"
    shown = Path(parsed.database or "").name  # pages show it, and no page says where things are
    try:
        database = _sqlite(parsed) if is_file else _postgres(parsed)
        try:
            with database.writer.begin() as connection:
                _migrate(connection, shown)
        except BaseException:
            database.dispose()
            raise
    except (SQLAlchemyError, OSError) as error:
        reason = without_folders(reason_of(error))
        log.error("the database %s cannot be used: %s", shown, reason)
        why = reason if is_file else "the app's log says why"  # a server's names host and port
        raise Unavailable(
            f"The database {shown} cannot be used ({why}); set {VARIABLE} to "
            "postgresql://USER:PASSWORD@HOST/NAME or to sqlite:////FILE in a folder that can be "
            "written."
        ) from error
    if not is_file:
        return database
    beside = [Path(f"{parsed.database}{end}") for end in ("-wal", "-shm")]
    return replace(
        database, file=_inode(parsed.database), beside={each: _inode(each) for each in beside}
    )


def _inode(path: str | Path | None) -> tuple[int, int] | None:
    """Device and number of a file; None where there is none."""
    try:
        found = os.stat(str(path))
    except OSError:
        return None
    return found.st_dev, found.st_ino


def reason_of(error: BaseException) -> str:
    """The first line of what the database said, without the statement."""
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return said.splitlines()[0].strip()


def insert_new(connection: Connection, table: Table) -> Any:
    """An INSERT that leaves out what its unique keys say is there already."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table).on_conflict_do_nothing()


def _parse(url: str) -> URL:
    """The address, with the driver that is used here."""
    parsed = _known(url)
    if parsed is None:
        raise StudyError(f"{VARIABLE} is {_NO_ADDRESS}.")
    return parsed


def _known(url: str) -> URL | None:
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):  # such as a port that is no number
        return None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite+pysqlite")
    return None


def _sqlite(url: URL) -> Database:
    """A SQLite file in WAL mode, in a folder for its owner alone. A commit is on disk."""
    folder = Path(str(url.database)).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    writer = create_engine(url, pool_size=1, max_overflow=0)
    reader = create_engine(url, pool_size=4, max_overflow=12)
    pragmas = (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={_WAIT_MS}",
        "cache_size=-1000",
    )
    _on_connect(writer, *(f"PRAGMA {each}" for each in (*pragmas, "secure_delete=ON")))
    _on_connect(reader, *(f"PRAGMA {each}" for each in (*pragmas, "query_only=ON")))
    # Python's own transactions would begin at the first change only.
    for engine, begin in ((writer, "BEGIN IMMEDIATE"), (reader, "BEGIN")):
        event.listen(engine, "begin", lambda each, begin=begin: each.exec_driver_sql(begin))
    return Database(url, writer, reader)


def _postgres(url: URL) -> Database:
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": str(_WAIT_MS // 1000)})
    try:
        writer = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
    except ImportError as error:
        raise StudyError(f"{_NO_PSYCOPG}.") from error
    reader = create_engine(
        url,
        pool_size=8,
        max_overflow=16,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
    )
    _on_connect(writer, "SET synchronous_commit = on", f"SET lock_timeout = {_WAIT_MS}")
    return Database(url, writer, reader)


def _on_connect(engine: Engine, *statements: str) -> None:
    """Run these on every new connection, outside of a transaction."""

    def prepare(connection: Any, _record: Any) -> None:
        if engine.dialect.name == "sqlite":
            connection.isolation_level = None
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", prepare)


def _migrate(connection: Connection, shown: str) -> None:
    """Bring the tables up to date within the connection's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATING})
    if _revision(connection) == NEWEST:
        return
    from alembic import command
    from alembic.util.exc import CommandError

    try:
        command.upgrade(migration_settings(connection), "head")
    except CommandError as error:
        raise StudyError(
            f"The database {shown} was written by a newer version of IRI Explorer; install that "
            f"version, or set {VARIABLE} to another database."
        ) from error


def migration_settings(connection: Connection) -> Any:
    """Alembic's configuration for this connection."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    settings.attributes["connection"] = connection
    return settings


def _revision(connection: Connection) -> str | None:
    """The migration that the database is at; None where it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
