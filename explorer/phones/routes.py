"""The routes that phones use, in the server process of the app.

Streamlit sets its base path (`server.baseUrlPath`) before its own routes only, so each of these is
also served below any other path; the pages' addresses are relative.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from explorer.phones.endpoints import Endpoints
from explorer.phones.pages import front_file, start_page, vote_page, without_slash

if TYPE_CHECKING:
    from explorer.study.store import Study


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


def vote_path(code: str) -> str:
    """Where phones take part in a session, relative to the app's root."""
    return f"vote/{code}"


def routes(study: Callable[[], Study]) -> list[BaseRoute]:
    """The phones' routes over a study, which is opened when the first phone asks for it."""
    endpoints = Endpoints(study)
    served = [
        ("", start_page, "GET"),
        ("/", start_page, "GET"),
        ("/api/session/{code}", endpoints.session, "GET"),
        ("/api/join", endpoints.join, "POST"),
        ("/api/state", endpoints.state, "GET"),
        ("/api/trials", endpoints.trials, "GET"),
        ("/api/answers", endpoints.answers, "POST"),
        ("/api/personal", endpoints.personal, "GET"),
        ("/pictures/{name}", endpoints.picture, "GET"),
        ("/front/{version}/{name}", front_file, "GET"),
        ("/{code}", vote_page, "GET"),
        ("/{code}/", without_slash, "GET"),
    ]
    prefixes = ("/vote", "/{base:path}/vote")
    by_method = [
        Route(prefix + path, endpoint, methods=[method])
        for prefix in prefixes
        for path, endpoint, method in served
    ]
    # The app's own routes come after these and would answer every other method with its page.
    others = [
        Route(prefix + path, _only(method), methods=sorted(METHODS - _answered(method)))
        for prefix in prefixes
        for path, _, method in served
    ]
    return [*by_method, *others]


def _answered(method: str) -> set[str]:
    return {"GET", "HEAD"} if method == "GET" else {method}


def _only(method: str) -> Callable[[Request], Awaitable[Response]]:
    """What answers other methods than this one."""

    async def refused(request: Request) -> Response:
        allowed = ", ".join(sorted(_answered(method)))
        sentence = f"This address answers {method}, not {request.method}."
        return JSONResponse({"error": sentence}, 405, {"Allow": allowed})

    return refused


def _study_of_this_process() -> Study:
    from explorer.study.shared import study_of_this_process  # SQLAlchemy, which no page waits for

    return study_of_this_process()


ROUTES: list[BaseRoute] = routes(_study_of_this_process)
