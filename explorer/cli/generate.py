"""`iri generate`: one IRI, or one per random seed, and all that is measured about it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.cli.arguments import file_path
from explorer.cli.command import Command, number
from explorer.cli.options import add_network_options, add_search_options, requests_from
from explorer.cli.outputs import check_folder
from explorer.cli.running import EngineRunner
from explorer.files import write_atomically

if TYPE_CHECKING:
    from explorer.result import Result


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_network_options(parser)
    parser.add_argument(
        "--target", required=True, help="a gallery picture's name, a file, noise or wide-noise"
    )
    add_search_options(
        parser,
        "random seed from which the seed image is drawn; several, such as 0,1,2, make one IRI each",
    )
    parser.add_argument("--out", type=file_path, help="folder for iri.png, iri.npy, result.json, …")


def _run(options: argparse.Namespace) -> None:
    check_folder("out", options.out)
    requests, pictures = requests_from(options, target=options.target)
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
        matched = sum(result.matched for result in results)
        print(f"{matched} of {len(results)} are the same to the network")
    if options.out is not None:
        print(f"Written to {options.out}")


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
    return {
        "results": contents,
        "matched": sum(result.matched for result in results),
        "nearer_target": [f"{person.nearer_target} of {person.counted}" for person in persons],
    }


def _print_result(result: Result) -> None:
    null = result.null.relative_l2
    person, provenance = result.person, result.provenance
    print(f"To the network the same? {'yes' if result.matched else 'no'}")
    print(
        f"  relative distance {number(result.match.relative_l2, 4)} "
        f"({number(result.match_8bit.relative_l2, 4)} after rounding to 8 bits); "
        f"{result.null.n_pairs:,} pairs of unrelated images: {number(null.min, 2)} to "
        f"{number(null.max, 2)}"
    )
    print(
        f"To a person the same? {person.nearer_target} of {person.counted} held-out measures "
        "say it is nearer the target than the seed"
    )
    if not result.matched:
        print("  (no match, so this says nothing about the network)")
    print(
        f"{provenance.steps} steps, stopped by {provenance.stopped} "
        f"({'' if result.converged else 'not '}converged), {provenance.seconds:.1f} s on "
        f"{provenance.device}"
    )
    if result.network is not None:
        for sentence in result.network.sentences:
            print(sentence)


COMMAND = Command("generate", "generate one IRI and measure it", _run, _add_options, True)
