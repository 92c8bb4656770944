"""The instructions of a Dockerfile, as the tests and the trial without Docker read them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Instruction:
    """word: such as RUN, in capitals. text: what follows, on one line."""

    word: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words of its JSON form, as in CMD ["a", "b"]."""
        words: list[str] = json.loads(self.text[self.text.index("[") :])
        return words

    @property
    def settings(self) -> dict[str, str]:
        """Names and values of an ENV."""
        return dict(pair.split("=", 1) for pair in self.text.split())


def stages(path: Path = ROOT / "Dockerfile") -> list[list[Instruction]]:
    """The instructions from each FROM to the next."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.M)
    lines = [line.strip() for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    found: list[list[Instruction]] = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append(Instruction(word.upper(), rest.strip()))
    return found


def only(instructions: list[Instruction], word: str) -> Instruction:
    """The one instruction of this word."""
    (found,) = [each for each in instructions if each.word == word]
    return found
