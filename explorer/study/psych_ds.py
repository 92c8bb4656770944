"""A session's answers as a Psych-DS dataset: a table, what every column means, and the pictures."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from explorer.files import row_as_text, shown_as_text
from explorer.study.columns import COLUMNS
from explorer.study.records import Answer, Design, StudyError, Trial
from explorer.study.session_records import Device
from explorer.study.shown import trials_shown
from explorer.study.statistics import LEAST_CATCH, excluded

if TYPE_CHECKING:
    from explorer.study.stimulus_set import StimulusSet
    from explorer.study.store import Study

_EPOCH = (1980, 1, 1, 0, 0, 0)
_NAME = re.compile("[A-Za-z0-9]+")


@dataclass(frozen=True)
class Part:
    """The answers of one round.

    rng_seeds: per participant the number that their trials were drawn by (`design.trials_of`),
    where it is known: the options that each was shown follow from it. trials: those trials, where
    they are stored; otherwise they are drawn again. devices: by participant, where known.
    """

    round: int
    stimulus_set: StimulusSet
    design: Design
    answers: Sequence[Answer]
    rng_seeds: Mapping[str, int] = field(default_factory=dict)
    trials: Mapping[int, Sequence[Trial]] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)


def export(study: Study, code: str) -> bytes:
    """All answers of a session as a zip file of a Psych-DS dataset (`dataset`)."""
    session = study.session(code)
    first_votes = {each.number: each for each in reversed(session.rounds)}
    devices = study.devices(session.code)
    parts = [
        Part(
            number,
            study.stimulus_set(first_votes[number].set_id),
            first_votes[number].design,
            study.answers(session.code, number),
            study.rng_seeds(session.code, number),
            devices=devices,
        )
        for number in sorted(first_votes)
    ]
    return dataset(session.code, session.title, parts)


def dataset(name: str, title: str, parts: Sequence[Part]) -> bytes:
    """Answers as a zip file of a Psych-DS dataset; the same answers give the same bytes.

    name: of the table, letters and digits only, such as a session's code. In it are the table
    `data/session-NAME_data.csv`, `dataset_description.json` with the meaning of every column,
    the designs, the stimuli, their requests and their pictures. Psych-DS is described at
    https://psychds-docs.readthedocs.io.
    """
    if not _NAME.fullmatch(name):
        raise StudyError(f"a dataset's name has letters and digits only, not {name[:40]!r}")
    files = {
        "dataset_description.json": _json(_description(name, title, parts)),
        f"data/session-{name}_data.csv": _table(parts).encode(),
        "README.md": _readme(name, title).encode(),
        "materials/designs.json": _json(
            [
                {"round": part.round, "set": part.stimulus_set.id, **asdict(part.design)}
                for part in parts
            ]
        ),
        "materials/stimuli.json": _json(_stimuli(parts)),
        "materials/requests.jsonl": _requests(parts).encode(),
    }
    for part in parts:
        files[f"materials/sets/{part.stimulus_set.id}.zip"] = part.stimulus_set.to_bytes()
        for sha256, png in part.stimulus_set.pictures.items():
            files[f"materials/pictures/{sha256}.png"] = png
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in sorted(files.items()):
            member = zipfile.ZipInfo(path, _EPOCH)
            packed = path.endswith((".png", ".zip"))
            member.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, data)
    return buffer.getvalue()


def _table(parts: Sequence[Part]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [column.name for column in COLUMNS], lineterminator="\n")
    writer.writeheader()
    for part in parts:
        writer.writerows(map(row_as_text, _rows(part)))
    return buffer.getvalue()


def _joined(options: Iterable[str]) -> str:
    """The options as the column `value` writes each, so that the two can be joined."""
    return "|".join(str(shown_as_text(each)) for each in options)


def _rows(part: Part) -> Iterator[dict[str, object]]:
    """One row per answer, in their order."""
    left_out = {
        vote: excluded(each for each in part.answers if each.vote == vote) for vote in (1, 2)
    }
    shown = trials_shown(part.design, part.stimulus_set, part.rng_seeds, part.trials)
    for answer in part.answers:
        trial = shown(answer)
        stimulus = part.stimulus_set.named(answer.stimulus)
        device = part.devices.get(answer.participant, Device())
        row: dict[str, object] = asdict(answer) | {
            "screen": device.screen or "",
            "browser": device.browser or "",
            "correct": "" if answer.correct is None else str(answer.correct).lower(),
            "options": "" if trial is None else _joined(each.value for each in trial.options),
            "image": "" if trial is None else trial.image,
            "excluded": str(answer.participant in left_out[answer.vote]).lower(),
            "model": stimulus.model,
            "layer": stimulus.layer,
            "loss": stimulus.loss,
            "target_name": stimulus.target_name,
            "seed_name": stimulus.seed_name,
            "result_key": stimulus.key,
        }
        yield {
            name: _rounded(row[name]) if name.endswith("_ms") else row[name]
            for name in (column.name for column in COLUMNS)
        }


def _rounded(milliseconds: object) -> object:
    """To a tenth: browsers' clocks are no finer."""
    return round(milliseconds, 1) if isinstance(milliseconds, float) else milliseconds


def _description(name: str, title: str, parts: Sequence[Part]) -> dict[str, object]:
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": title,
        "description": "What people said of images that a neural network represents as it does a "
        f"target image (identically represented inputs): one row per answer, session {name}.",
        "variableMeasured": [
            {"@type": "PropertyValue", "name": column.name, "description": column.description}
            | ({"unitText": column.unit} if column.unit else {})
            | ({"minValue": column.least} if column.least is not None else {})
            | ({"valueReference": list(column.values)} if column.values else {})
            for column in COLUMNS
        ],
        "measurementTechnique": "; ".join(
            f"round {part.round}: {part.design.task.value}, {part.design.main} images, "
            f"{part.design.practice} practice and {part.design.catch} catch trials, "
            + ("shown until answered" if part.design.timing is None else "timed")
            for part in parts
        ),
        "keywords": ["identically represented inputs", "model metamers", "human perception"],
    }


def _stimuli(parts: Sequence[Part]) -> list[dict[str, object]]:
    return [
        {"set": set_id, **asdict(stimulus)}
        for set_id, stimuli in {part.stimulus_set.id: part.stimulus_set for part in parts}.items()
        for stimulus in stimuli.stimuli
    ]


def _requests(parts: Sequence[Part]) -> str:
    """One line of JSON per result: `Request.from_dict` reads it."""
    requests = {each.key: each.request for part in parts for each in part.stimulus_set.stimuli}
    return "".join(f"{json.dumps(dict(each), sort_keys=True)}\n" for each in requests.values())


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _readme(name: str, title: str) -> str:
    return f"""# {title}

A Psych-DS dataset of IRI Explorer. `data/session-{name}_data.csv` has one row per answer;
`dataset_description.json` says what each column means. Participants are identifiers, random unless
whoever recruited them gave their own; screen and browser are their phones' own words, and nothing
else about a person is in here.

- `materials/stimuli.json`: the images that people were asked about, and how much nearer the target
  than the seed each perceptual measure says they are (`margins`).
- `materials/pictures/`: all pictures, 8-bit PNG files, named by their SHA-256.
- `materials/designs.json`: what each round asked.
- `materials/requests.jsonl`: a request per image. To generate them again:
  `from explorer import Request, generate` and `generate(Request.from_dict(json.loads(line)))`.
  A target or seed `picture:SHA256` was somebody's upload, which is not in here.
- `materials/sets/`: the stimulus sets as files, for `iri experiment export DIR --set FILE`.

Who answered fewer than {LEAST_CATCH:.0%} of their catch trials right is marked in the column
`excluded` and left out of the statistics of IRI Explorer; practice trials never count.
"""
