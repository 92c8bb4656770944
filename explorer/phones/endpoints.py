"""The endpoints that phones ask: join, what is asked, what was answered, pictures.

A study's calls wait for the disk, so each runs in a thread; the event loop, which the app's pages
share, goes on meanwhile. Errors are JSON, `{"error": SENTENCE}`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from explorer.phones.messages import BadMessage, read_object, sent_answers, short_text
from explorer.phones.pages import ALONE, IMMUTABLE, canonical
from explorer.study.duration import minutes_for, trials_in
from explorer.study.records import StudyError, Trial, Unavailable
from explorer.study.session_records import (
    ParticipantState,
    TooMany,
    UnknownCode,
    UnknownToken,
)

if TYPE_CHECKING:
    from explorer.study.store import Study

THREADS = 48

PICTURE = re.compile(r"([0-9a-f]{64})\.png")
TOKEN, EARLIER = "X-Token", "X-Earlier"
MOST_EARLIER = 10
NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

STATUS: dict[type[StudyError], int] = {
    UnknownToken: 401,
    UnknownCode: 404,
    TooMany: 429,
    Unavailable: 503,
}
"""What an error of a study is in HTTP; 409 is any other."""

T = TypeVar("T")
Endpoint = Callable[["Endpoints", Request], Awaitable[Response]]


def answers_in_json(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with what it raises for people as a JSON sentence."""

    async def answered(self: Endpoints, request: Request) -> Response:
        try:
            return await endpoint(self, request)
        except BadMessage as error:
            return _json({"error": str(error)}, error.status)
        except StudyError as error:
            return _json({"error": str(error)}, STATUS.get(type(error), 409))

    return answered


class Endpoints:
    """The endpoints over one study."""

    def __init__(self, study: Callable[[], Study]) -> None:
        self._study = study
        self._threads = CapacityLimiter(THREADS)

    def _code(self, study: Study, code: str) -> str:
        """The code as it is typed, or that of the permanent session."""
        return study.alone() if canonical(code) == ALONE else code

    async def _picture(self, sha256: str) -> bytes | None:
        return await self._call(lambda study: study.picture(sha256))

    async def _call(self, function: Callable[[Study], T]) -> T:
        return await to_thread.run_sync(lambda: function(self._study()), limiter=self._threads)

    @answers_in_json
    async def session(self, request: Request) -> Response:
        """What a session asks of people, for whoever considers joining it."""
        code = request.path_params["code"]

        def described(study: Study) -> dict[str, Any]:
            session = study.session(self._code(study, code))
            design = session.current.design
            return {
                "title": session.title,
                "closed": session.closed,
                "images": design.main + design.catch,
                "minutes": minutes_for(trials_in(design)),
            }

        return _json(await self._call(described))

    @answers_in_json
    async def join(self, request: Request) -> Response:
        """`{code, screen?, browser?, pooled?}` gives a token that stands for this person.

        Who takes a test again sends their earlier tokens, too (`EARLIER`): they see other images.
        """
        content = await read_object(request)
        earlier = _earlier(request)
        code = short_text(content, "code", 40) or ""

        def joined(study: Study) -> dict[str, Any]:
            person = study.join(
                self._code(study, code),
                _address(request),
                screen=short_text(content, "screen", 40),
                browser=short_text(content, "browser", 200),
                pooled=content.get("pooled") is True,
                earlier=earlier,
            )
            return {"token": person.token} | _state(study.state(person.token))

        return _json(await self._call(joined))

    @answers_in_json
    async def state(self, request: Request) -> Response:
        """What is going on in the session, and what this person has answered in this round."""
        token = _token(request)
        return _json(await self._call(lambda study: _state(study.state(token))))

    @answers_in_json
    async def trials(self, request: Request) -> Response:
        """The trials of the current round in this person's order, without what is right."""
        token = _token(request)

        def listed(study: Study) -> dict[str, Any]:
            state = study.state(token)
            timing = state.design.timing
            return _state(state) | {
                "timing": None if timing is None else asdict(timing),
                "trials": [_trial(trial) for trial in study.trials(token)],
            }

        return _json(await self._call(listed))

    @answers_in_json
    async def answers(self, request: Request) -> Response:
        """Record `{answers: […]}`: each accepted, known already, or refused, with the reason."""
        token = _token(request)
        sent = sent_answers(await read_object(request))
        receipts = await self._call(lambda study: study.record(token, sent, _address(request)))
        return _json({"receipts": [asdict(each) for each in receipts]})

    @answers_in_json
    async def personal(self, request: Request) -> Response:
        """What this person said, next to measures, networks and those who agreed to be compared."""
        token, earlier = _token(request), _earlier(request)
        return _json(await self._call(lambda study: _personal(study, token, earlier)))

    @answers_in_json
    async def picture(self, request: Request) -> Response:
        """A picture of a set in use as PNG; its name is its contents' hash, so it never changes."""
        named = PICTURE.fullmatch(request.path_params["name"])
        content = None if named is None else await self._picture(named[1])
        if named is None or content is None:
            return _json({"error": "There is no such picture in a session."}, 404)
        headers = IMMUTABLE | {"ETag": f'"{named[1]}"', "X-Content-Type-Options": "nosniff"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type="image/png")


def _json(content: dict[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(content, status, NO_STORE)


def _address(request: Request) -> str:
    """The phone's address, for limits alone; from a proxy that uvicorn trusts, as it says."""
    return request.client.host if request.client else ""


def _token(request: Request) -> str:
    token = request.headers.get(TOKEN, "")
    if not token or len(token) > 200:
        raise BadMessage(f"Send the token that joining gave, in the header {TOKEN}.", 401)
    return token


def _earlier(request: Request) -> list[str]:
    """The tokens with which whoever asks took the test before, the latest ones."""
    listed = request.headers.get(EARLIER, "")[: 200 * MOST_EARLIER].split(",")
    return [token for token in listed if token][-MOST_EARLIER:]


def _state(state: ParticipantState) -> dict[str, Any]:
    return {
        "title": state.title,
        "round": state.round,
        "vote": state.vote,
        "state": state.state,
        "closed": state.closed,
        "answered": list(state.answered),
        "total": state.total,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    """What a phone needs. Only practice says what it is, and the values of options stay here."""
    return {
        "number": trial.number,
        "practice": trial.kind == "practice",
        "task": trial.task,
        "image": trial.image,
        "options": [{"picture": each.picture, "label": each.label} for each in trial.options],
    }


def _personal(study: Study, token: str, earlier: list[str]) -> dict[str, Any]:
    from explorer.study.personal import personal  # NumPy and the titles: only this needs them

    state = study.state(token)
    if not state.alone:
        raise StudyError("In a class the answers are compared on the lecturer's screen.")
    stimulus_set = study.stimulus_set(study.session(state.code).current.set_id)
    answers = study.own_answers(token)
    pooled = study.pooled_answers(state.code, state.round, without=earlier)
    return asdict(personal(stimulus_set, answers, state.participant, pooled))
