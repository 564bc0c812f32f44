"""What a lesson claims is true of its output, and docs/claims.md lists it."""

import pytest
import replicate
from claims_of import Claim, claim, claims, number
from course import LESSONS, each_lesson

# From the last lesson on: the other worker asks for the same runs and begins with the first, so
# that they meet once, instead of both waiting for one run after the other.
CLAIMS = [
    pytest.param(lesson, each, id=f"{lesson.name}-{each.words}")
    for lesson in reversed(LESSONS)
    for each in claims(lesson)
]


@pytest.mark.parametrize(("lesson", "each"), CLAIMS)
def test_a_claim_holds(lesson, each, whole_run):
    found = each(whole_run(lesson).output)
    assert each.holds(found), f"{found:g} must be {each.must_be}"


@each_lesson
def test_the_page_of_claims_lists_every_claim_with_its_bounds(lesson):
    listed = [[cell.strip() for cell in row.split("|")][2:4] for row in replicate.rows_of(lesson)]
    assert listed == [[each.words, each.must_be] for each in claims(lesson)]


def test_a_claim_has_bounds_and_words():
    @claim(at_least=0.5, at_most=2)
    def two_heads_beat_one(output: str) -> float:
        return number(output, r"^heads +(\S+)")

    assert isinstance(two_heads_beat_one, Claim)
    assert two_heads_beat_one.words == "two heads beat one"
    assert two_heads_beat_one.must_be == "at least 0.5, at most 2"
    measured = {"0.4": False, "0.50,": True, "2e0": True, "84.7%": False, "-1": False, "nan": False}
    for printed, holds in measured.items():
        assert two_heads_beat_one.holds(two_heads_beat_one(f"1\nheads  {printed}\n")) == holds
    assert number("8,189 images", r"(\S+) images") == 8189
    for output in ("tails 0.7", "heads few"):
        with pytest.raises(ValueError):
            two_heads_beat_one(output)
    with pytest.raises(TypeError):
        claim()
