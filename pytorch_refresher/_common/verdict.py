"""What the marking says of an answer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What became of an answer.

    kind: "solved", "not started", "wrong", "error" (it raises one), "ended" (it ended or crashed
    Python), "time" (it took too long), "output" (it printed too much), "side effect" (it changed
    something for everybody) or "not marked" (there was no answer to look at).
    """

    kind: str
    line: str  # what the learner reads


def one_line(text: str, length: int = 300) -> str:
    """The first line of a text, as a terminal can show it."""
    first = text.strip().partition("\n")[0]
    shown = "".join(letter if letter.isprintable() else "?" for letter in first[: length + 1])
    return shown if len(shown) <= length else f"{shown[: length - 3]}..."
