"""The IRIs of one request from several random seeds, side by side: does it depend on the seed?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import streamlit as st

from explorer.app.components.pictures import Picture, show_pictures
from explorer.result import Result

MOST = 8


@dataclass(frozen=True)
class SeedRun:
    """What is shown of one random seed's IRI."""

    iri_png: bytes
    matched: bool
    nearer_target: str


@dataclass
class SeedRuns:
    """The runs of one request, by random seed; request_key: of the request with random seed 0."""

    request_key: str
    by_rng_seed: dict[int, SeedRun] = field(default_factory=dict)


def show_seed_runs(result: Result) -> None:
    """Keep this result for the session and, where there are several, show them in a row.

    Only the last MOST of the request shown now are kept; another request begins anew.
    """
    request_key = replace(result.request, rng_seed=0).key
    runs: SeedRuns | None = st.session_state.get("_seed_runs")
    if runs is None or runs.request_key != request_key:
        runs = st.session_state["_seed_runs"] = SeedRuns(request_key)
    by_rng_seed, person = runs.by_rng_seed, result.person
    by_rng_seed[result.request.rng_seed] = SeedRun(
        result.iri_png, result.matched, f"{person.nearer_target} of {person.counted}"
    )
    while len(by_rng_seed) > MOST:
        del by_rng_seed[next(iter(by_rng_seed))]
    if len(by_rng_seed) < 2:
        return
    matched = sum(run.matched for run in by_rng_seed.values())
    st.markdown(
        f"**From {len(by_rng_seed)} random seeds:** {matched} are the same to the network; the "
        "number under each says how many measures call it nearer the target."
    )
    show_pictures(
        [
            Picture(
                run.iri_png,
                f"{rng_seed:,}",
                run.nearer_target,
                f"The IRI from random seed {rng_seed}",
                "frame",
            )
            for rng_seed, run in sorted(by_rng_seed.items())
        ],
        key="seed_runs",
    )
