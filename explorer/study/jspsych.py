"""The same trials in jsPsych, for people who are asked elsewhere; the folder is read back here.

jsPsych (de Leeuw, Gilbert & Luchterhandt 2023, https://doi.org/10.21105/joss.05351) runs
experiments in a browser; JATOS (https://www.jatos.org) serves them and keeps the answers.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import uuid
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import ceil
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from explorer.result.record_types import typed
from explorer.study.design import trials_of
from explorer.study.records import Design, Kind, Option, StudyError, Task, Timing, Trial
from explorer.study.stimulus_set import StimulusSet

FORMAT = "iri-explorer-experiment-1"
MOST_LISTS = 2_000
QUESTIONS = {
    Task.TWO_ALTERNATIVES: "Which of these two is it more like?",
    Task.CLUSTERING: "To which of these pictures does it belong?",
    Task.RECOGNITION: "Which word names what it shows?",
}

_FRONT = Path(__file__).with_name("jspsych_front")
_SECONDS_A_TRIAL = 6
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SETTINGS, _TRIALS, _SET = "experiment.json", "trials.jsonl", "stimulus_set.zip"


@dataclass(frozen=True)
class Experiment:
    """An exported experiment. trials: of each list, by the number that it was drawn by."""

    id: str
    title: str
    stimulus_set: StimulusSet
    design: Design
    trials: Mapping[int, tuple[Trial, ...]]
    first_rng_seed: int

    def list_of(self, number: int) -> tuple[Trial, ...] | None:
        """The trials of this list, counted from 0."""
        return self.trials.get(self.first_rng_seed + number)


def write_experiment(
    folder: Path,
    stimulus_set: StimulusSet,
    design: Design,
    *,
    title: str,
    lists: int = 200,
    first_rng_seed: int = 0,
    send_to: str | None = None,
) -> Experiment:
    """Write a folder that asks the design's trials in jsPsych, from any web server or JATOS.

    `web/` in it is for participants; the rest, with the right answers, is for `read_experiment`.
    lists: how many participants' trials are drawn beforehand, by the random seeds from
    first_rng_seed on; each participant is given one of them at random. send_to: an address to which
    the page sends the answers by POST, or a path on its own server; without it, they are downloaded
    at the end. Raises StudyError for a design that does not suit the set and for what is no such
    address, OSError where it cannot be written.
    """
    if send_to is not None and not _is_address(send_to):
        raise StudyError(
            f"send_to: {send_to[:80]!r} is no address; give one that begins with https:// or "
            "http://, or a path on the page's own server that begins with /"
        )
    if not 1 <= lists <= MOST_LISTS:
        raise StudyError(f"lists: {lists} does not fit; 1 to {MOST_LISTS:,} can be drawn")
    if not title or len(title) > 200:
        raise StudyError("title: it is a text of 1 to 200 characters")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StudyError(f"{folder} is there already and not an empty folder; name another")
    trials = {
        seed: trials_of(design, stimulus_set, seed)
        for seed in range(first_rng_seed, first_rng_seed + lists)
    }
    lines = "".join(
        _json({"rng_seed": seed, "trials": [asdict(each) for each in drawn]}) + "\n"
        for seed, drawn in trials.items()
    )
    identifier = hashlib.sha256(f"{stimulus_set.id}\n{lines}".encode()).hexdigest()[:16]
    settings = {
        "format": FORMAT,
        "id": identifier,
        "title": title,
        "set": stimulus_set.id,
        "design": asdict(design),
        "first_rng_seed": first_rng_seed,
        "lists": lists,
    }
    web = _web(identifier, title, stimulus_set, design, list(trials.values()), send_to)
    files = {
        _SETTINGS: (json.dumps(settings, indent=1, ensure_ascii=False) + "\n").encode(),
        _TRIALS: lines.encode(),
        _SET: stimulus_set.to_bytes(),
        "README.md": _readme(title, design, lists, send_to).encode(),
        "jatos.jzip": _jatos_archive(identifier, title, web),
    } | {f"web/{name}": data for name, data in web.items()}
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Experiment(identifier, title, stimulus_set, design, trials, first_rng_seed)


def _is_address(text: str) -> bool:
    """Whether it is an http(s) URL, or a path on the page's own server."""
    if not text.isprintable() or " " in text or "\\" in text:
        return False
    if text.startswith("/"):
        return not text.startswith("//")
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port or an IPv6 address that cannot be
        return False


def read_experiment(folder: Path) -> Experiment:
    """What `write_experiment` wrote; StudyError where this is no such folder or it is damaged."""
    try:
        settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
        text = (folder / _TRIALS).read_text(encoding="utf-8")
        stimulus_set = StimulusSet.from_bytes((folder / _SET).read_bytes())
    except (OSError, ValueError, RecursionError) as error:  # the last two: of text that is no JSON
        raise StudyError(
            f"{folder} is no folder that `iri experiment export` wrote: {_SETTINGS}, {_TRIALS} or "
            f"{_SET} is missing or damaged"
        ) from error
    if not isinstance(settings, dict) or settings.get("format") != FORMAT:
        raise StudyError(f"{folder / _SETTINGS} is not of the format {FORMAT} that is read here")
    if hashlib.sha256(f"{stimulus_set.id}\n{text}".encode()).hexdigest()[:16] != settings.get("id"):
        raise StudyError(f"{folder / _TRIALS} or {_SET} was changed since it was exported")
    try:
        drawn = [json.loads(line) for line in text.split("\n") if line]
        return Experiment(
            settings["id"],
            settings["title"],
            stimulus_set,
            _design(settings["design"]),
            {each["rng_seed"]: tuple(map(_trial, each["trials"])) for each in drawn},
            settings["first_rng_seed"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"{folder / _SETTINGS} is damaged; export the experiment again") from error


def _design(plain: Mapping[str, Any]) -> Design:
    known = {each.name for each in fields(Design)}
    values = {name: value for name, value in plain.items() if name in known}
    timing = values.get("timing")
    values |= {
        "task": Task(values["task"]),
        "timing": None if timing is None else Timing(**timing),
    }
    return typed(Design(**values))


def _trial(plain: Mapping[str, Any]) -> Trial:
    options = tuple(Option(**each) for each in plain["options"])
    kinds = {"kind": Kind(plain["kind"]), "task": Task(plain["task"]), "options": options}
    return typed(Trial(**{**plain, **kinds}))


def _web(
    identifier: str,
    title: str,
    stimulus_set: StimulusSet,
    design: Design,
    lists: Sequence[Sequence[Trial]],
    send_to: str | None,
) -> dict[str, bytes]:
    """The files for participants: no right answer in them but those of practice."""
    minutes = max(1, ceil(len(lists[0]) * _SECONDS_A_TRIAL / 60))
    settings = {
        "id": identifier,
        "title": title,
        "question": QUESTIONS[design.task],
        "timing": None if design.timing is None else asdict(design.timing),
        "lists": len(lists),
        "consent": [
            f"You will see {len(lists[0])} images and say what they look like to you. It takes "
            f"about {minutes} {'minute' if minutes == 1 else 'minutes'}. Tap or click your choice; "
            "a keyboard does as well.",
            "Your answers and their times are stored under a random number, or the one that you "
            "were given; nothing else about you is recorded. You can stop at any time by closing "
            "this page.",
        ],
        "send_to": send_to,
    }
    files = {
        path.relative_to(_FRONT).as_posix(): path.read_bytes()
        for path in sorted(_FRONT.rglob("*"))
        if path.is_file()
    }
    for page in ("index.html", "jatos.html"):
        named = Template(files[page].decode()).substitute(title=html.escape(title))
        files[page] = named.encode()
    files["experiment.json"] = _json(settings).encode()
    shown = set()
    for number, trials in enumerate(lists):
        files[f"lists/{number}.json"] = _json([_public(each) for each in trials]).encode()
        shown |= {each.image for each in trials}
        shown |= {option.picture for each in trials for option in each.options if option.picture}
    for sha256 in sorted(shown):
        files[_picture(sha256)] = stimulus_set.pictures[sha256]
    return files


def _public(trial: Trial) -> dict[str, Any]:
    values = [option.value for option in trial.options]
    is_practice = trial.kind is Kind.PRACTICE
    options = [
        {
            "picture": option.picture and _picture(option.picture),
            "label": "" if option.picture else option.label,
        }
        for option in trial.options
    ]
    public = {"number": trial.number, "image": _picture(trial.image), "options": options}
    if not is_practice:
        return public
    right = {} if trial.correct is None else {"correct": values.index(trial.correct)}
    return public | {"kind": "practice"} | right


def _picture(sha256: str) -> str:
    return f"pictures/{sha256}.png"


def _jatos_archive(identifier: str, title: str, web: Mapping[str, bytes]) -> bytes:
    """The study as a file for JATOS' "Import study"."""
    name = f"iri-{identifier}"
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, name)
    component = {
        "uuid": str(uuid.uuid5(namespace, "component")),
        "title": "Trials",
        "htmlFilePath": "jatos.html",
        "reloadable": True,
        "active": True,
        "comments": "",
        "jsonData": None,
    }
    study = {
        "uuid": str(namespace),
        "title": title,
        "description": "Exported from IRI Explorer",
        "groupStudy": False,
        "dirName": name,
        "comments": "",
        "jsonData": None,
        "componentList": [component],
    }
    members: Iterable[tuple[str, bytes]] = (
        (f"{name}.jas", _json({"version": "3", "data": study}).encode()),
        *((f"{name}/{path}", data) for path, data in web.items()),
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in members:
            member = zipfile.ZipInfo(path, _EPOCH)
            member.external_attr = 0o644 << 16
            archive.writestr(member, data)
    return buffer.getvalue()


def _readme(title: str, design: Design, lists: int, send_to: str | None) -> str:
    text = Template((_FRONT.parent / "jspsych_readme.md").read_text(encoding="utf-8"))
    where = (
        "downloads the answers as a file at the end"
        if send_to is None
        else f"sends the answers by POST to {send_to}"
    )
    return text.substitute(title=title, task=design.task.value, lists=lists, where=where)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
