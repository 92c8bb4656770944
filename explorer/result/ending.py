"""How a search ended, in a sentence, for the page and the command line."""

from __future__ import annotations

from explorer.metrics.match import at_goal
from explorer.result import Result


def how_it_ended(result: Result) -> str:
    """Why the search stopped, and whether it is at its goal."""
    stopped, goal = result.provenance.stopped, result.request.goal
    no_match = "" if result.matched else ", and that is no match yet"
    if stopped == "goal":
        return f"It stopped at its goal of {goal:g}{no_match}."
    if goal > 0 and at_goal(result.match.relative_l2, goal):
        rest = "went on until it came no nearer" if stopped == "plateau" else "used all its steps"
        return f"It met its goal of {goal:g} and {rest}{no_match}."
    above = f", above its goal of {goal:g}" if goal > 0 else ""
    reason = {
        "plateau": f"It stopped where it came no nearer{above}.",
        "budget": f"Its budget of steps ran out{above}." if above else "It used all its steps.",
    }
    return reason.get(stopped, "Why it stopped is not known.")
