r"""What a file of tests/claims is made of.

    @claim(at_least=0.95)
    def four_heads_solve_the_task(output: str) -> float:
        return number(output, r"4 heads .* accuracy (\S+)")

`output` is all that the lesson prints. The function's name says the claim in words.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from course import load

FOLDER = Path(__file__).parent / "claims"


@dataclass(frozen=True)
class Claim:
    """A number in a lesson's output, and the bounds that it keeps under any seed."""

    measure: Callable[[str], float]
    at_least: float | None
    at_most: float | None

    def __call__(self, output: str) -> float:
        return self.measure(output)

    @property
    def words(self) -> str:
        """The claim as a phrase."""
        return self.measure.__name__.replace("_", " ")

    @property
    def must_be(self) -> str:
        """The bounds in words."""
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return ", ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)

    def holds(self, value: float) -> bool:
        """Whether a value is within the bounds. NaN never is."""
        above = self.at_least is None or value >= self.at_least
        return above and (self.at_most is None or value <= self.at_most) and value == value


def claim(
    *, at_least: float | None = None, at_most: float | None = None
) -> Callable[[Callable[[str], float]], Claim]:
    """Make a claim of a function that finds its number in the output."""
    if at_least is None and at_most is None:
        raise TypeError("a claim needs at_least, at_most or both")
    return lambda measure: Claim(measure, at_least, at_most)


def number(output: str, pattern: str) -> float:
    """The number at the start of the first group of `pattern`; ^ and $ match at every line."""
    found = re.search(pattern, output, flags=re.MULTILINE)
    if not found:
        raise ValueError(f"{pattern!r} is not in the output")
    digits = re.match(r"[-+]?(?:[\d,]*\.?\d+(?:\.?e[+-]?\d+)?|nan|inf)", found[1])
    if not digits:
        raise ValueError(f"{pattern!r} found {found[1]!r}, which is not a number")
    return float(digits[0].replace(",", ""))


@functools.cache
def claims_file(lesson: Path) -> ModuleType | None:
    """The file of a lesson's claims, imported, if it has one."""
    path = FOLDER / f"{lesson.name}.py"
    return load(path) if path.exists() else None


def claims(lesson: Path) -> list[Claim]:
    """A lesson's claims, in the order in which its file makes them."""
    made = vars(claims_file(lesson)).values() if claims_file(lesson) else ()
    return [each for each in made if isinstance(each, Claim)]


def elsewhere(lesson: Path) -> dict[str, str]:
    """Numbers of a README's sentences that no run prints, each with its source."""
    return getattr(claims_file(lesson), "ELSEWHERE", {})
