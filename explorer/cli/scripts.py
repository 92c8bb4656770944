"""Requests as something to run elsewhere: a Python script, or commands in a shell."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.cli.options import command_line
from explorer.request import Request

_UPLOAD = "picture:"
_ALWAYS = ("layer", "target", "seed", "loss")
_YOUR_OWN = {"null_folder": "YOUR_PICTURES", "classes_file": "YOUR_CLASSES.txt"}
_LINE = 88  # characters


def commands(requests: Sequence[Request]) -> str:
    """A command per request, each into a folder of its own.

    Names in capitals stand for the user's own files, see `explorer.cli.options.command_line`.
    """
    if len(requests) == 1:
        return command_line(requests[0])
    return "\n".join(
        command_line(each, out=f"iri/{number:02d}") for number, each in enumerate(requests, 1)
    )


def python(requests: Sequence[Request]) -> str:
    """A script that generates the same, saves the images and prints how well they match.

    Names in capitals stand for the user's own files, as in `commands`.
    """
    names = {name for each in requests for name in (each.target, each.seed)}
    uploads = sorted(name for name in names if name.startswith(_UPLOAD))
    earlier = any(each.continues for each in requests)
    lines = ["from pathlib import Path", "", "from explorer import Request, generate"]
    away = any(each.away_from for each in requests)
    lines += _pictures(uploads, earlier, away)
    answer = _answer(requests)
    pictures = ", pictures" if uploads or earlier or away else ""
    fields = [_fields(each) for each in requests]
    if len(fields) == 1:
        lines += ["", *_call("request = Request", fields[0])]
        lines += [f"result = generate(request{pictures})"]
        lines += [f"print(result.state, result.match.relative_l2, {answer})"]
        lines += ['Path("iri.png").write_bytes(result.iri_png)']
        return "\n".join(lines)
    first, *others = fields
    shared = {
        name: value
        for name, value in first.items()
        if all(name in each and each[name] == value for each in others)
    }
    lines += ["", *_call("shared = dict", shared), "varied = ["]
    for each in fields:
        own = [f"{name}={value!r}" for name, value in each.items() if name not in shared]
        lines += [f"    dict({', '.join(own)}),"]
    lines += [
        "]",
        "for number, fields in enumerate(varied, 1):",
        f"    result = generate(Request(**shared, **fields){pictures})",
        f"    print(fields, result.state, result.match.relative_l2, {answer})",
        '    Path(f"iri-{number:02d}.png").write_bytes(result.iri_png)',
    ]
    return "\n".join(lines)


def _answer(requests: Sequence[Request]) -> str:
    """The expression for what is said of the image: of one that was made to differ, how much."""
    of_person, of_difference = (
        "result.person.sentence",
        "result.difference.sentence(result.matched)",
    )
    differ = {bool(each.away_from or each.observer) for each in requests}
    if differ == {True}:
        return of_difference
    if differ == {False}:
        return of_person
    return f"{of_difference} if result.difference else {of_person}"


def _fields(request: Request) -> dict[str, object]:
    """The fields that a request sets, without defaults and what follows from others."""
    defaults = Request.defaults()
    return {
        name: _YOUR_OWN.get(name, value)
        for name, value in request.to_dict().items()
        if name != "parametrisation" and (name in _ALWAYS or value != defaults.get(name))
    }


def _pictures(uploads: Sequence[str], earlier: bool, away: bool) -> list[str]:
    """The lines that read the user's own pictures, and the earlier results that requests name."""
    lines = []
    if earlier or away:
        lines += ["from explorer import Result"]
        lines += ["from explorer.analysis.continuation import pictures_with"]
    if uploads:
        lines += ["from explorer.validation import read_upload"]
    lines += ["", "pictures = {}"] if lines else []
    for number, name in enumerate(uploads, 1):
        file = f"YOUR_PICTURE{number if len(uploads) > 1 else ''}.png"
        lines += [f'upload = read_upload(Path("{file}").read_bytes())  # {name[:16]}…']
        lines += ["pictures[upload.name] = upload.png"]
    if earlier:
        lines += ['earlier = Result.from_bytes(Path("EARLIER_RESULT.zip").read_bytes())']
        lines += ["pictures = pictures_with([earlier], pictures)"]
    if away:
        lines += ['zips = Path("EARLIER_RESULTS").glob("*.zip")']
        lines += ["others = [Result.from_bytes(each.read_bytes()) for each in zips]"]
        lines += ["pictures = pictures_with(others, pictures)"]
    return lines


def _call(beginning: str, fields: dict[str, object]) -> list[str]:
    """`beginning(name=value, …)`, on one line where it fits."""
    words = [f"{name}={value!r}" for name, value in fields.items()]
    line = f"{beginning}({', '.join(words)})"
    if len(line) <= _LINE:
        return [line]
    return [f"{beginning}(", *(f"    {word}," for word in words), ")"]
