"""The IRIs of one request from several random seeds, side by side: does it depend on the seed?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import streamlit as st

from explorer.app.components.pictures import Picture, show_pictures
from explorer.app.naming import number
from explorer.metrics.equal_match import MatchRange
from explorer.metrics.match import MatchState
from explorer.result import Result

MOST = 8


@dataclass(frozen=True)
class SeedRun:
    """What is shown of one random seed's IRI."""

    iri_png: bytes
    state: MatchState
    relative_l2: float | None
    nearer_target: str

    @property
    def matched(self) -> bool:
        """Whether it is the same to the network, converged or not."""
        return self.state is not MatchState.NOT_MATCHED

    def caption(self, with_person: bool) -> str:
        """The state of its match and the relative distance; what the measures say of a match."""
        match = f"{self.state} ({number(self.relative_l2)})"
        return f"{match}; {self.nearer_target}" if self.matched and with_person else match


@dataclass
class SeedRuns:
    """The runs of one request, by random seed; request_key: of the request with random seed 0."""

    request_key: str
    by_rng_seed: dict[int, SeedRun] = field(default_factory=dict)


def show_seed_runs(result: Result, with_person: bool = True) -> None:
    """Keep this result for the session and, where there are several, show them in a row.

    with_person: also what the measures say of each.
    Only the last MOST of the request shown now are kept; another request begins anew.
    """
    request_key = replace(result.request, rng_seed=0).key
    runs: SeedRuns | None = st.session_state.get("_seed_runs")
    if runs is None or runs.request_key != request_key:
        runs = st.session_state["_seed_runs"] = SeedRuns(request_key)
    by_rng_seed, person = runs.by_rng_seed, result.person
    by_rng_seed[result.request.rng_seed] = SeedRun(
        result.iri_png,
        result.state,
        result.match.relative_l2,
        "not measured"
        if person.answer == "not measured"
        else f"{person.nearer_target} of {person.counted}",
    )
    while len(by_rng_seed) > MOST:
        del by_rng_seed[next(iter(by_rng_seed))]
    if len(by_rng_seed) < 2:
        return
    matched = [run for run in by_rng_seed.values() if run.matched]
    converged = sum(run.state is MatchState.CONVERGED for run in matched)
    spread = MatchRange.of(run.relative_l2 for run in matched)
    measures = " and, where it matches, how many measures call it nearer the target"
    st.markdown(
        f"**From {len(by_rng_seed)} random seeds:** {len(matched)} match, {converged} of these "
        f"converged. Under each: its relative distance{measures if with_person else ''}. "
        f"{spread.warning}"
    )
    show_pictures(
        [
            Picture(
                run.iri_png,
                f"{rng_seed:,}",
                run.caption(with_person),
                f"The IRI from random seed {rng_seed}",
                "frame",
            )
            for rng_seed, run in sorted(by_rng_seed.items())
        ],
        key="seed_runs",
    )
