"""The columns of the table of answers, and what each means."""

from __future__ import annotations

from dataclasses import dataclass

from explorer.study.records import Kind, Task


@dataclass(frozen=True)
class Column:
    """One column. values: all that occur, where they can be listed."""

    name: str
    description: str
    unit: str = ""
    least: int | None = None
    values: tuple[str, ...] = ()


COLUMNS = (
    Column(
        "participant",
        "Identifier of a participant, the same in every round; random unless whoever recruited "
        "them gave it.",
    ),
    Column("round", "Number of the round within the session.", least=1),
    Column(
        "vote", "1, or 2 for a second vote on the same images after discussion.", values=("1", "2")
    ),
    Column("trial", "Number of the trial for this participant in this round.", least=0),
    Column(
        "kind",
        "What the trial was for: practice (with feedback, never counted), main, or catch (with a "
        "known answer, by which inattentive participants are excluded).",
        values=tuple(Kind),
    ),
    Column(
        "task",
        "2afc: is the image more like its target or its seed? clustering: to which of several "
        "target pictures does it belong? recognition: which word names what it shows?",
        values=tuple(Task),
    ),
    Column("stimulus", "Name of the image in materials/stimuli.json."),
    Column(
        "value",
        "The answer: target or seed (2afc), the name of a target picture (clustering), or a word "
        "(recognition).",
    ),
    Column("position", "Place of the chosen option among those shown.", least=0),
    Column("options", "The options in the order shown, separated by |; empty where not known."),
    Column(
        "correct",
        "Whether the answer is the right one, where it is known; of an image of the main trials of "
        "2afc there is no right answer, and the field is empty.",
        values=("true", "false", ""),
    ),
    Column(
        "response_ms",
        "From the first frame that showed the image to the answer, by the browser's clock; of an "
        "image that was shown again (see shown_ms), from when it was shown last.",
        unit="ms",
        least=0,
    ),
    Column(
        "shown_ms",
        "How long the image was on screen, by the browser's clock. An image is shown again to "
        "whoever loads the page anew before they answer, or after a pause: then the sum of all.",
        unit="ms",
        least=0,
    ),
    Column(
        "screen",
        "Width x height of the phone's screen in CSS pixels, and device pixels per CSS pixel; "
        "empty where not known.",
    ),
    Column("browser", "Kind and main version of the phone's browser; empty where not known."),
    Column("answered_at", "Time of the answer, ISO 8601, UTC."),
    Column(
        "excluded",
        "Whether the catch trials exclude this participant's answers of this round and vote.",
        values=("true", "false"),
    ),
    Column("image", "SHA-256 of the picture that was asked about; in materials/pictures/."),
    Column("model", "The network that represents the image as it does the target."),
    Column("layer", "The layer at which it does."),
    Column("loss", "The loss that the image was generated with."),
    Column("target_name", "The target picture of the stimulus."),
    Column("seed_name", "The seed image of the stimulus."),
    Column("result_key", "Key of the result, by which the image can be generated again."),
)
