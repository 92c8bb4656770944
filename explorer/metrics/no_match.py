"""Why an IRI is no match: the conditions of the first verdict that failed, in sentences.

No torch.
"""

from __future__ import annotations

from collections.abc import Callable

from explorer.metrics.match import Match, Shortfall, shortfalls
from explorer.metrics.null import Null

_TITLES = {
    "snr_db": "signal to noise",
    "pearson": "Pearson correlation",
    "pearson_r2": "squared Pearson correlation",
    "spearman": "Spearman correlation",
}
_DECIDING = ("snr_db", "pearson_r2", "spearman")


def reasons(
    match: Match, match_8bit: Match, null: Null, quote: Callable[[str], str] = str
) -> tuple[str, ...]:
    """A sentence per condition that failed, with its numbers; none where the match succeeded.

    match_8bit: after rounding to 8 bits, of which is told where the match itself succeeded. quote:
    what makes a class name fit to be shown.
    """
    if not match.same:
        return _failed(match, null, "", quote)
    return _failed(match_8bit, null, "Rounding to 8 bits loses the match. ", quote)


def failed_measures(match: Match, null: Null) -> tuple[Shortfall, ...]:
    """The measures by which it is no more alike than unrelated pictures, as far as is known.

    Results of older versions may lack what decided then.
    """
    if match.beyond_null or any(name not in null.distributions for name in _DECIDING):
        return ()
    return shortfalls(match.values, null)


def title(failed: Shortfall) -> str:
    """What the measure is called in a sentence."""
    return _TITLES[failed.measure]


def _failed(match: Match, null: Null, before: str, quote: Callable[[str], str]) -> tuple[str, ...]:
    sentences = [_sentence(each) for each in failed_measures(match, null)]
    if not match.beyond_null and not sentences:
        sentences = ["Some unrelated images are as alike to the network as these two."]
    if match.same_class is False and not match.part_of_layer:
        target, iri = match.target_class, match.iri_class
        sentences.append(
            "The classes differ."
            if target is None or iri is None
            else f"The classes differ: the target is “{quote(target)}”, the IRI “{quote(iri)}”."
        )
    return tuple(before + sentence for sentence in sentences)


def _sentence(failed: Shortfall) -> str:
    name, unit = title(failed), " dB" if failed.measure == "snr_db" else ""
    if failed.value is None:
        return f"No match by {name}, which is undefined here."
    value, limit = _told_apart(failed.value, failed.limit, 1 if unit else 3)
    if failed.measure == "pearson":
        return f"No match by {name}: it is {value}, and has to be above 0."
    if failed.quantile == "q99":
        return (
            f"No match by {name}: it is {value}{unit}, and has to be above {limit}{unit}, below "
            "which 99 % of the pairs of unrelated images stay."
        )
    return f"No match by {name}: it is {value}{unit}, and unrelated images reach {limit}{unit}."


def _told_apart(value: float, limit: float, digits: int) -> tuple[str, str]:
    """Both numbers, with as many digits as show that they differ, if they do."""
    while f"{value:.{digits}f}" == f"{limit:.{digits}f}" and value != limit and digits < 9:
        digits += 1
    return f"{value:.{digits}f}", f"{limit:.{digits}f}"
