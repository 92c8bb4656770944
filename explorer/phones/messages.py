"""What phones send, read and checked."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from explorer.study.session_records import AnswerIn

MAX_BYTES = 64 * 1024
MAX_ANSWERS = 200
MAX_COUNT = 10_000
MAX_MS = 24 * 3600 * 1000
MAX_CLOCK = 1e12


class BadMessage(Exception):
    """What was wrong with a message and what would be right, in one sentence."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object in a request. Raises BadMessage where there is none or it is too large."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        # Pages of other sites can send forms and text unasked, but not this type.
        raise BadMessage("Send JSON, with the content type application/json.", 415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise BadMessage(f"Send at most {MAX_BYTES} bytes at once.", 413)
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadMessage("This is not JSON: send one object.") from error
    if not isinstance(content, dict):
        raise BadMessage("Send one JSON object, with its fields by name.")
    return content


def short_text(content: dict[str, Any], name: str, longest: int) -> str | None:
    """A text field, cut to its longest length; None where it is missing or no text.

    JSON can hold half a surrogate pair, which is no character and which no database stores.
    """
    value = content.get(name)
    if not isinstance(value, str):
        return None
    return value[:longest].encode("utf-8", "ignore").decode() or None


def sent_answers(content: dict[str, Any]) -> list[AnswerIn]:
    """The answers in a message. Raises BadMessage where one cannot be read."""
    listed = content.get("answers")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_ANSWERS:
        raise BadMessage(f"answers must be a list of 1 to {MAX_ANSWERS} answers.")
    return [_answer(each) for each in listed]


def _answer(content: object) -> AnswerIn:
    if not isinstance(content, dict):
        raise BadMessage("Each answer must be an object with round, vote, trial and position.")
    return AnswerIn(
        round=_count(content, "round"),
        vote=_count(content, "vote"),
        trial=_count(content, "trial"),
        position=_count(content, "position"),
        response_ms=_number(content, "response_ms", MAX_MS),
        shown_ms=_number(content, "shown_ms", MAX_MS),
        clock=_number(content, "clock", MAX_CLOCK),
    )


def _count(content: dict[str, Any], name: str) -> int:
    value = content.get(name)
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise BadMessage(f"{name} of an answer must be a whole number from 0 to {MAX_COUNT}.")
    return value


def _number(content: dict[str, Any], name: str, largest: float) -> float | None:
    """A measured time, or None: an answer is not lost because the phone's clock is off."""
    value = content.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= largest else None
