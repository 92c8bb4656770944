"""The hand-out: the lesson as one HTML page without references, which prints to two sides of A4."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from explorer.app.lesson.records import Step
from explorer.app.lesson.results import results_of
from explorer.app.lesson.steps import STEPS
from explorer.archive.titles import loss_title, network_title
from explorer.request import Request
from explorer.result import Result

_STYLE = (Path(__file__).parent / "handout.css").read_text(encoding="utf-8")
_EMPHASIS = ((r"\*\*(.+?)\*\*", "strong"), (r"\*(.+?)\*", "em"), (r"`(.+?)`", "code"))
_MOST_PICTURES = 4


def document(*, notes: bool = False) -> bytes:
    """The page in UTF-8. notes: for whoever speaks, instead of the questions for the class."""
    title = "The lesson: speaker's notes" if notes else "The same to a network, the same to you?"
    minutes = sum(step.minutes for step in STEPS)
    lead = (
        f"Seven steps, about {minutes} minutes."
        if notes
        else "An identically represented input (IRI) is an image made to be the same as a target "
        "to a neural network, at one of its layers. What still differs to your eyes is what the "
        "network ignores there."
    )
    body = "".join(_with_notes(step) if notes else _with_question(step) for step in STEPS)
    end = "" if notes else _answers()
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{escape(title)}</h1><p>{escape(lead)}</p>{body}{end}</html>\n"
    ).encode()


def _with_question(step: Step) -> str:
    options = "".join(f"<li>{_inline(option)}</li>" for option in step.question.options)
    return (
        f"<section>{_pictures(step)}<div><h2>{step.number}. {_inline(step.claim)}</h2>"
        f"<p>{_inline(step.text)}</p><p>{_inline(step.question.text)}</p>"
        f"<ol type=a>{options}</ol></div></section>"
    )


def _with_notes(step: Step) -> str:
    results = results_of(step.question.about)
    answer = ""
    if results is not None:
        right = step.question.options[step.question.right(results)]
        answer = f"{right}. {step.question.because(results)}"
    notes = "".join(f"<li>{_inline(note)}</li>" for note in step.notes)
    return (
        f"<section>{_pictures(step)}<div><h2>{step.number}. {_inline(step.claim)}</h2>"
        f"<p>{step.minutes} minutes. <em>Try:</em> {_inline(step.task())}</p><ul>{notes}</ul>"
        f"<p><em>{_inline(step.question.text)}</em> {_inline(answer)}</p></div></section>"
    )


def _answers() -> str:
    said = []
    for step in STEPS:
        results = results_of(step.question.about)
        if results is not None:
            right = step.question.right(results)
            said.append(
                f"<b>{step.number}{'abcd'[right]}</b> {_inline(step.question.because(results))}"
            )
    return f"<footer>Answers: {' '.join(said)}</footer>"


def _pictures(step: Step) -> str:
    """The images that the question is about where it is about several, else the first case's."""
    first: tuple[Request, ...] = next(iter(step.cases.values()))
    results = results_of(step.question.about if len(step.question.about) > 1 else first)
    if not results:
        return "<figure></figure>"
    listed = results[: _MOST_PICTURES - 1]
    shown = [
        _image(each.iri_png, name)
        for each, name in zip(listed, _names(step, results), strict=False)
    ]
    target = _image(results[0].target_png, "target")
    seed = [] if len(shown) + 2 > _MOST_PICTURES else [_image(results[0].seed_png, "seed")]
    return f"<figure>{''.join([*seed, *shown, target])}</figure>"


def _names(step: Step, results: Sequence[Result]) -> list[str]:
    """What tells each image from the others of its step, as the lesson's page calls it."""
    requests = [each.request for each in results]
    titles = {value: title for each in step.controls for value, title in each.titles.items()}
    if len({each.layer for each in requests}) > 1:
        named = [titles.get(each.layer, each.layer) for each in requests]
        return [re.sub(r" \(`.*`\)", "", title) for title in named]
    if len({each.loss for each in requests}) > 1:
        return [titles.get(each.loss, loss_title(each.loss)) for each in requests]
    if len(requests) == 1:
        return ["IRI"]
    parts = [network_title(each.model).split(", ") for each in requests]
    differ = [
        ", ".join(part for part in each if any(part not in rest for rest in parts))
        for each in parts
    ]
    return [f"{title[:1].upper()}{title[1:]}" for title in differ]


def _image(png: bytes, name: str) -> str:
    source = base64.b64encode(png).decode()
    return (
        f'<span><img src="data:image/png;base64,{source}" alt="{escape(name, quote=True)}">'
        f"{escape(name)}</span>"
    )


def _inline(text: str) -> str:
    """Markdown's emphasis and code as HTML, all else as it is."""
    text = escape(text)
    for pattern, tag in _EMPHASIS:
        text = re.sub(pattern, rf"<{tag}>\1</{tag}>", text)
    return text
