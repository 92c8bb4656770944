"""From options to fields and back, by the tables of `explorer.cli.option_tables`.

From options to a checked request (`request_from`), and from a request to the command line that
generates the same (`command_line`).
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from explorer.cli.arguments import some_text
from explorer.cli.option_tables import (
    LOADING_OPTIONS,
    NETWORK_OPTIONS,
    SEARCH_OPTIONS,
    TARGET_OPTION,
    Option,
)
from explorer.errors import RequestError
from explorer.network_reference import NetworkReference
from explorer.request import Request

NULL_FOLDER_HELP = (
    "folder of pictures from which the null is made, instead of the network's usual ones"
)
_REQUIRED = ("model",)


def add_options(
    parser: argparse.ArgumentParser,
    options: Sequence[Option],
    suffix: str = "",
    required: Sequence[str] = _REQUIRED,
) -> None:
    """Add these options to a command's parser.

    suffix: behind each flag, as in `--arch2`. required: the fields whose option must be given.
    """
    defaults = Request.defaults()
    for option in options:
        text = option.help if isinstance(option.help, str) else option.help()
        help_text = text.replace("%", "%%")
        default = defaults.get(option.field) if option.default is None else option.default
        if default is not None and not option.must_be_given:
            help_text += f" (default: {default})"
        if option.repeats:
            parser.add_argument(
                option.flag, action="append", default=[], metavar=option.metavar, help=help_text
            )
        else:
            parser.add_argument(
                option.flag + suffix,
                type=option.value,
                default=option.default,
                required=option.field in required,
                metavar=option.metavar,
                help=help_text,
            )


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """--model, --layer and what else says which network, and with which input."""
    add_options(parser, NETWORK_OPTIONS)


def add_search_options(parser: argparse.ArgumentParser, rng_help: str | None = None) -> None:
    """From --seed to --null-folder: how an IRI is made and judged, whatever the network.

    rng_help: what --rng is to this command, where that is more than one image's random seed.
    """
    add_options(
        parser,
        [
            replace(option, help=rng_help) if rng_help and option.field == "rng_seed" else option
            for option in SEARCH_OPTIONS
        ],
    )
    add_null_option(parser)


def add_null_option(parser: argparse.ArgumentParser) -> None:
    """--null-folder: the unrelated pictures that a match is compared with."""
    parser.add_argument("--null-folder", type=some_text, help=NULL_FOLDER_HELP)


def print_left_out(request: Request) -> None:
    """Say on stderr what in the folder of the null is no picture and was left out."""
    from explorer.images.folder import left_out

    note = left_out(Path(request.null_folder)) if request.null_folder else ""
    if note:
        print(note, file=sys.stderr)


def network_from(
    options: argparse.Namespace, model: str | None = None, suffix: str = ""
) -> NetworkReference:
    """The network that the options ask for, with what stands for its checkpoint's content.

    model, suffix: as for `network_fields`. Raises as `explorer.validation.network_reference`.
    """
    from explorer import validation

    fields = network_fields(options, model, suffix)
    return validation.network_reference(str(fields["model"]), **fields)


def network_fields(
    options: argparse.Namespace, model: str | None = None, suffix: str = ""
) -> dict[str, object]:
    """The fields of a NetworkReference that the options set.

    model: the reference, where it is not --model. suffix: behind each flag, as in `--arch2`.
    """
    chosen = options.model if model is None else model
    return {**_values(options, LOADING_OPTIONS, suffix), "model": chosen}


def request_from(
    options: argparse.Namespace, target: str, network: Mapping[str, object] | None = None
) -> tuple[Request, dict[str, bytes]]:
    """The request that the options ask for, and the PNG bytes of the files among them.

    network: `layer` and the fields of the network, where the options do not hold them under
    their usual names. Raises as `explorer.validation.parse_request`, and RequestError for several
    random seeds.
    """
    from explorer import validation

    first, *more = _each_once(options.rng)
    if more:
        raise RequestError("rng_seed", "only generate takes several random seeds; give one")
    fields: dict[str, Any] = (
        dict(network) if network is not None else _values(options, NETWORK_OPTIONS)
    )
    fields |= _values(options, SEARCH_OPTIONS)
    fields["rng_seed"] = first
    fields["term_weights"] = _term_weights(options.weight)
    request, pictures = validation.parse_request(
        **fields, target=target, null_folder=options.null_folder
    )
    print_left_out(request)
    return request, pictures


def given_fields(options: argparse.Namespace) -> dict[str, object]:
    """The fields of a Request whose options were given, where the parser's defaults are None."""
    fields: dict[str, object] = {}
    for option in (*NETWORK_OPTIONS, TARGET_OPTION, *SEARCH_OPTIONS):
        value = getattr(options, option.attribute)
        if option.field == "term_weights":
            value = _term_weights(value)
        elif option.field == "rng_seed" and value is not None:
            value, *more = _each_once(value)
            if more:
                raise RequestError("rng_seed", "a result has a single random seed; leave it out")
        if value is not None:
            fields[option.field] = value
    return fields


def requests_from(
    options: argparse.Namespace, target: str
) -> tuple[list[Request], dict[str, bytes]]:
    """As `request_from`, one request for each random seed."""
    first, *more = _each_once(options.rng or [Request.defaults()["rng_seed"]])
    single = argparse.Namespace(**vars(options) | {"rng": [first]})
    request, pictures = request_from(single, target)
    return [request, *(replace(request, rng_seed=number) for number in more)], pictures


def _each_once(random_seeds: Sequence[int]) -> list[int]:
    """The random seeds without those given before; stderr says if there are such."""
    once = list(dict.fromkeys(random_seeds))
    if len(once) < len(random_seeds):
        print("A random seed that is given again is made once", file=sys.stderr)
    return once


def command_line(request: Request, out: str = "iri") -> str:
    """The command that generates the same into the folder `out`.

    Names in capitals stand for the user's own files.
    """
    defaults = Request.defaults()
    words = ["python", "-m", "explorer", "generate"]
    always: tuple[str, ...] = ("model", "layer", "target", "seed", "loss")
    options: tuple[Option, ...] = (*NETWORK_OPTIONS, TARGET_OPTION, *SEARCH_OPTIONS)
    if request.continues is not None:
        # The other settings are those of the result that it goes on from.
        words += ["--continue", request.continues]
        always = ("optimiser", "steps", "goal")
        options = tuple(option for option in options if option.field in (*always, "nearest"))
    for option in options:
        value = getattr(request, option.field)
        if option.field == "term_weights":
            for term, size in value or ():
                words += [option.flag, f"{term}={exact(size)}"]
        elif option.field in ("target", "seed"):
            words += [option.flag, "YOUR_PICTURE.png" if value.startswith("picture:") else value]
        elif option.field == "classes_file":
            words += [option.flag, "YOUR_CLASSES.txt"] if request.classes is not None else []
        elif option.field in always or value != defaults[option.field]:
            words += [option.flag, _word(value)]
    if request.null is not None:
        words += ["--null-folder", "YOUR_PICTURES"]
    return shlex.join([*words, "--out", out])


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(_word, value))
    return exact(value) if isinstance(value, float) else str(value)


def exact(value: float) -> str:
    """A number in as few digits as bring back this very one: `0.02`, `2`."""
    return repr(value).removesuffix(".0")


def _values(
    options: argparse.Namespace, table: Sequence[Option], suffix: str = ""
) -> dict[str, object]:
    """The fields that the options set; a default of the Request where an option is silent."""
    defaults = Request.defaults()
    values = {}
    for option in table:
        value = getattr(options, option.attribute + suffix)
        values[option.field] = defaults.get(option.field) if value is None else value
    return values


def _term_weights(words: list[str]) -> dict[str, float] | None:
    """`tv=1e-3` → {"tv": 0.001}; RequestError says how to write it."""
    weights: dict[str, float] = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            weight = float(value)
        except ValueError:
            weight = None
        if weight is None or name in weights:
            raise RequestError(
                "term_weights", f"{word!r}: write each term once, like tv=1e-3; 0 removes it"
            )
        weights[name] = weight
    return weights or None
