"""Makes the stimulus set that ships: `python -m explorer.research.study_set`.

Eighteen photographs of the gallery, each by both networks and two of the three losses. Two losses a
photograph, in all pairs equally often, keep the file below LARGEST and still show every network and
loss on twelve photographs, both networks on the same ones. Results that are in the result cache
are not generated again.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from explorer.analysis.generation import generate_batch
from explorer.archive.summary import put_result
from explorer.files import write_atomically
from explorer.models.memory import memory_of
from explorer.request import Request
from explorer.store import Store
from explorer.study.stimuli import stimuli_of
from explorer.study.stimulus_set import DEFAULT_FILE, StimulusSet
from explorer.sweep.batches import batches
from explorer.validation import validate

NAME, TITLE = "photographs", "Photographs by two networks and three losses"

NETWORKS = ("embedded:imagenette-residual-adv1", "embedded:imagenette-residual-standard")
LOSSES = ("regularizer-free", "freq", "adversarial")
SEED = "grey-noise"
TARGETS = (
    *("parrot", "temple", "biplane", "sunflower", "dog", "boats"),
    *("cat", "balloon", "owl", "goldfish", "shuttle", "heron"),
    *("coffee", "bee", "bridge", "hibiscus", "astronaut", "citrus"),
)
LARGEST = 10**6
"""Bytes that the file may have."""


def requests() -> Iterator[Request]:
    """What the set asks about, photograph by photograph."""
    pairs = itertools.cycle(itertools.combinations(LOSSES, 2))
    for target, losses in zip(TARGETS, pairs, strict=False):
        for network, loss in itertools.product(NETWORKS, losses):
            yield validate(Request(model=network, target=target, seed=SEED, loss=loss))


def generate_missing(store: Store, wanted: list[Request]) -> None:
    """Generate the results that are not in the store yet, batch by batch."""
    missing = [request for request in wanted if request.key not in store]
    done = len(wanted) - len(missing)
    for batch in batches(missing, "cpu", memory_of("cpu")[1]):
        for result in generate_batch(batch):
            put_result(store, result.request.key, result.to_bytes())
        done += len(batch)
        print(f"{done} of {len(wanted)}: {batch[0].model}, {batch[0].loss}", flush=True)


def main(arguments: list[str]) -> int:
    """Write the set; 1 where an image does not match or the file is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=DEFAULT_FILE, help="the file to write")
    options = parser.parse_args(arguments)
    store, wanted = Store(), list(requests())
    generate_missing(store, wanted)
    stimuli, pictures, refused = stimuli_of(store, (request.key for request in wanted))
    for each in refused:
        print(f"{each.key[:12]}: {each.reason}", file=sys.stderr)
    data = StimulusSet(NAME, TITLE, tuple(stimuli), pictures).to_bytes()
    if refused or len(data) > LARGEST:
        print(f"{len(refused)} refused, {len(data):,} bytes: nothing written", file=sys.stderr)
        return 1
    write_atomically(options.out, data)
    print(f"{len(stimuli)} images, {len(data):,} bytes: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
