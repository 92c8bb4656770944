"""What contract tests share: a quick request, the command line and Explore in this process."""

from __future__ import annotations

import json
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer import Request, cli
from explorer.analysis.runner import InProcess
from explorer.app import session

APP = str(Path(__file__).parent.parent / "explorer/app/script/main.py")
QUICK = Request(model="embedded:residual-simclr", target="cat", steps=4, goal=0.0)
WORDS = (
    *("--model", "embedded:residual-simclr", "--target", "cat"),
    *("--steps", "4", "--goal", "0", "--json"),
)


class _Runner(InProcess):
    def generate(self, requests, pictures, batch_size=16):
        return super().generate(requests, pictures, batch_size)

    @classmethod
    @contextmanager
    def started(cls):
        yield cls()


def printed(capsys, *words: str) -> object:
    """The JSON that a command prints."""
    assert cli.main(list(words)) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def generated(monkeypatch, capsys, *words: str) -> dict:
    """The result.json that `generate` prints for these words, done without a worker."""
    monkeypatch.setattr("explorer.cli.generate.EngineRunner", _Runner)
    return printed(capsys, "generate", *WORDS, *words)


def refused(capsys, *words: str) -> str:
    """The message with which a command turns these words away."""
    assert cli.main(list(words)) == 2
    return capsys.readouterr().err


class NothingCached:
    """An engine with an empty cache and without a worker."""

    def __init__(self) -> None:
        self.store: dict[str, bytes] = {}
        self.under_way = 0

    def result(self, key: str) -> None: ...

    def job(self, key: str) -> None: ...

    def start(self) -> None: ...

    def call(self, function, *arguments, **who) -> Future:
        return Future()


def explore(monkeypatch: pytest.MonkeyPatch, **address: str) -> AppTest:
    """Explore, opened at this address where no result is cached."""
    monkeypatch.setattr(session, "engine", NothingCached)
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def text(app: AppTest) -> str:
    """All that a page says in paragraphs, captions and errors."""
    return "\n".join(each.value for each in [*app.markdown, *app.caption, *app.error])
