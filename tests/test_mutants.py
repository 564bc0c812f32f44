"""Slightly changed reference answers are turned away: a fixed sample; mutants.py has them all."""

from mutants import sample, survivors


def test_changed_answers_are_turned_away():
    jobs, total = sample(("",), count=250, seed=1)
    assert total > 500
    found = list(survivors(jobs, processes=1))
    assert len(found) <= 0.02 * len(jobs), "\n".join(found)
