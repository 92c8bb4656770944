"""A sweep as the few lists of a form, and the TOML that says the same."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Form:
    """The values that a form offers; a sweep of all their combinations.

    rng_seeds: how many random seeds, from 0 on.
    """

    model: tuple[str, ...]
    layer: tuple[str, ...]
    target: tuple[str, ...]
    seed: tuple[str, ...]
    loss: tuple[str, ...]
    rng_seeds: int = 1
    steps: int = 500

    def to_toml(self) -> str:
        """The text of the sweep, a line per list."""
        lines = []
        for name, value in asdict(self).items():
            if isinstance(value, tuple):
                lines.append(f"{name} = {json.dumps(list(value), ensure_ascii=False)}")
        if self.rng_seeds > 1:
            lines.append(f"rng_seed = {{ from = 0, to = {self.rng_seeds - 1} }}")
        return "\n".join([*lines, f"steps = {self.steps}", ""])


def form_of(text: str) -> Form | None:
    """The form that says the same as a text; None where none does."""
    try:
        written = tomllib.loads(text)
    except (ValueError, RecursionError):
        return None
    lists = [each.name for each in fields(Form) if each.name not in ("rng_seeds", "steps")]
    if not set(lists) <= set(written) <= {*lists, "steps", "rng_seed"}:
        return None
    for name in lists:
        if not isinstance(written[name], list) or not all(
            isinstance(each, str) for each in written[name]
        ):
            return None
    numbers = written.get("rng_seed", {"from": 0, "to": 0})
    if not isinstance(numbers, dict) or set(numbers) != {"from", "to"} or numbers["from"] != 0:
        return None
    steps, last = written.get("steps", 500), numbers["to"]
    if not isinstance(steps, int) or not isinstance(last, int):
        return None
    return Form(**{name: tuple(written[name]) for name in lists}, rng_seeds=last + 1, steps=steps)
