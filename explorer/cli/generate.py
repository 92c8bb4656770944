"""`iri generate`: one IRI, or one per random seed, and all that is measured about it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.cli.arguments import file_path, some_text
from explorer.cli.command import Command, number
from explorer.cli.option_tables import (
    MODEL_OPTION,
    NETWORK_OPTIONS,
    SEARCH_OPTIONS,
    TARGET_OPTION,
)
from explorer.cli.options import (
    add_options,
    add_search_options,
    given_fields,
    print_left_out,
    requests_from,
)
from explorer.cli.outputs import check_folder, print_network
from explorer.cli.running import EngineRunner
from explorer.cli.stored_results import result_to_continue
from explorer.errors import RequestError
from explorer.files import write_atomically
from explorer.metrics import no_match
from explorer.metrics.equal_match import MatchRange
from explorer.result.difference import NO_ANSWER

if TYPE_CHECKING:
    from explorer.request import Request
    from explorer.result import Result


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_options(parser, (*NETWORK_OPTIONS, TARGET_OPTION), required=())
    add_search_options(
        parser,
        "random seed from which the seed image is drawn; several, such as 0,1,2, make one IRI each",
    )
    parser.add_argument(
        "--continue",
        dest="continues",
        metavar="RESULT",
        type=some_text,
        help="go on from the image of this result: a folder that --out wrote, its zip, its key or "
        "the key's first 8 digits; every other option may be left out, and only --steps (as "
        "many more), --goal, --optimiser and --nearest may differ from the result's",
    )
    parser.add_argument("--out", type=file_path, help="folder for iri.png, iri.npy, result.json, …")
    # What is not given is None: with --continue it is the result's, else the Request's own default.
    with_default = [
        each for each in (*NETWORK_OPTIONS, *SEARCH_OPTIONS) if each.default is not None
    ]
    parser.set_defaults(**{option.attribute: None for option in with_default})


def _run(options: argparse.Namespace) -> None:
    check_folder("out", options.out)
    if options.continues is None:
        requests, pictures = _from_seeds(options)
    else:
        request, pictures = _continuing(options)
        requests = [request]
    with EngineRunner.started() as runner:
        results = runner.generate(requests, pictures)
    if options.out is not None:
        for result in results:
            _write(result, options.out, several=len(results) > 1)
    if options.json:
        print(json.dumps(_to_json(results), indent=1))
        return
    for result in results:
        if len(results) > 1:
            print(f"Random seed {result.request.rng_seed}")
        _print_result(result)
    if len(results) > 1:
        _print_together(results)
    if options.out is not None:
        print(f"Written to {options.out}")


def _from_seeds(options: argparse.Namespace) -> tuple[list[Request], dict[str, bytes]]:
    """The requests that the options ask for, one per random seed, and the pictures they name."""
    for option in (MODEL_OPTION, TARGET_OPTION):
        if getattr(options, option.attribute) is None:
            raise RequestError(option.field, f"it is missing; give {option.flag}, or --continue")
    return requests_from(options, target=options.target)


def _continuing(options: argparse.Namespace) -> tuple[Request, dict[str, bytes]]:
    """The request that goes on from a result, and that result among the pictures it needs."""
    from explorer import validation
    from explorer.analysis.continuation import (
        check_agrees,
        check_files,
        continuation,
        pictures_with,
    )
    from explorer.store import Store

    earlier = result_to_continue(options.continues, Store())
    fields: dict[str, Any] = continuation(earlier).to_dict() | given_fields(options)
    del fields["parametrisation"]
    request, pictures = validation.parse_request(**fields, null_folder=options.null_folder)
    check_agrees(request, earlier.request)
    check_files(request)
    print_left_out(request)
    return request, pictures_with([earlier], pictures)


def _write(result: Result, folder: Path, several: bool) -> None:
    """Each file whole or not at all; a folder per random seed where there are several."""
    place = folder / f"rng-{result.request.rng_seed}" if several else folder
    for name, data in result.files().items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)


def _to_json(results: Sequence[Result]) -> dict[str, object]:
    """One result as its result.json; of several also how many match and are nearer the target."""
    contents = [result.to_json() for result in results]
    if len(results) == 1:
        return contents[0]
    persons = [result.person for result in results]
    matched = [result for result in results if result.matched]
    return {
        "results": contents,
        "matched": len(matched),
        "match_range": MatchRange.of(each.match.relative_l2 for each in matched).to_dict(),
        "nearer_target": [f"{person.nearer_target} of {person.counted}" for person in persons],
    }


def _print_together(results: Sequence[Result]) -> None:
    matched = [result for result in results if result.matched]
    converged = sum(result.converged for result in matched)
    print(f"{len(matched)} of {len(results)} match, {converged} of these converged")
    if warning := MatchRange.of(result.match.relative_l2 for result in matched).warning:
        print(warning)


def _print_result(result: Result) -> None:
    from explorer.result.ending import how_it_ended

    if result.request.continues is not None:
        _print_before(result)
    null = result.null.relative_l2
    provenance = result.provenance
    print(f"To the network the same? {result.state}")
    print(
        f"  relative distance {number(result.match.relative_l2, 4)} "
        f"({number(result.match_8bit.relative_l2, 4)} after rounding to 8 bits); "
        f"{result.null.n_pairs:,} pairs of unrelated images: {number(null.min, 2)} to "
        f"{number(null.max, 2)}"
    )
    for reason in no_match.reasons(result.match, result.match_8bit, result.null):
        print(f"  {reason}")
    print(f"  {how_it_ended(result)}")
    _print_moved(result)
    _print_difference(result)
    _print_person(result)
    print(
        f"{provenance.steps} steps, stopped by {provenance.stopped}, {provenance.seconds:.1f} s "
        f"on {provenance.device}"
    )
    print_network(result.network)


def _print_person(result: Result) -> None:
    """The second answer; none where there is no match, which would only describe the search."""
    if not result.matched:
        print("To a person the same? not answered: there is no match")
        return
    if result.difference is not None:
        print(f"To a person the same? not asked: {NO_ANSWER}")
        return
    person = result.person
    print(f"To a person the same? {person.title}\n  {person.sentence}")
    if person.wrong_nearer is not None:
        print(
            f"  control: of {len(person.mismatched)} wrong targets they call "
            f"{person.wrong_nearer:.0%} nearer than the seed"
        )


def _print_moved(result: Result) -> None:
    moved, tightening = result.moved, result.tightening
    if moved is None:
        return
    share = "" if moved.relative is None else f", {moved.relative:.0%} of the target's distance"
    print(f"  moved {moved.rms:.3f} per pixel (RMS) from its seed{share}")
    if tightening is not None:
        print(
            f"  as searched {tightening.rms[0]:.3f}, at relative distance "
            f"{number(tightening.searched_relative_l2, 4)}; {tightening.passes} passes towards the "
            "seed"
        )


def _print_difference(result: Result) -> None:
    made = result.difference
    if made is None:
        return
    if made.observed is not None:
        print(f"To {made.observed.model} at {made.observed.layer} different?")
        print(f"  {made.observed.sentence(result.matched)}")
        before = number(made.observed.searched_relative_l2)
        print(f"  as searched at relative distance {before}; {made.passes} passes")
    else:
        print(f"  {made.distances()}")


def _print_before(result: Result) -> None:
    from explorer.analysis.continuation import passes

    before = result.provenance.steps_before
    print(
        f"Continues result {result.request.continues}: {before} steps before, "
        f"{passes(result.provenance)} in all"
    )


COMMAND = Command("generate", "generate one IRI and measure it", _run, _add_options, True)
