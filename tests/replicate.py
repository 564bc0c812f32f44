"""Runs lessons under other seeds, threads and instructions, and holds their claims to each run.

    python tests/replicate.py                     all lessons that make claims
    python tests/replicate.py 16 06 --seeds 10    two of them, with ten seeds
    python tests/replicate.py 16 --write          and write what holds into docs/claims.md

The status is 1 if a claim fails or a run does.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from claims_of import Claim, claims  # noqa: E402
from course import LESSONS, PROJECT, chapters, run  # noqa: E402

PAGE = PROJECT / "docs" / "claims.md"
HEAD = "| Lesson | Claim | Must be | Least | Largest | Runs |\n|---|---|---|---|---|---|\n"
SEED = re.compile(r"^SEED = \d+\b", flags=re.MULTILINE)
# Sums are added up in another order with two threads, or without the CPU's vector instructions.
MACHINES = {
    "two threads": {"OMP_NUM_THREADS": "2"},
    "plain CPU": {"ATEN_CPU_CAPABILITY": "default"},
}


def chosen(names: list[str]) -> list[Path]:
    """The lessons that are meant by their numbers or the beginnings of their folders."""
    found = []
    for name in names:
        name = name.zfill(2) if name.isdigit() else name
        found += [
            lesson
            for lesson in LESSONS
            if lesson.name.startswith(name) or chapters()[lesson.name].number == name.upper()
        ] or sys.exit(f"There is no lesson {name!r}.")
    return found


def outputs(lesson: Path, seeds: int, folder: Path) -> Iterator[tuple[str, str]]:
    """What the lesson prints under each seed and on each kind of machine, with a name for each."""
    code = (lesson / "lesson.py").read_text(encoding="utf-8")
    cases = {f"seed {seed}": (seed, {}) for seed in range(seeds if SEED.search(code) else 1)}
    cases |= {name: (0, environment) for name, environment in MACHINES.items()}
    for name, (seed, environment) in cases.items():
        copy = folder / name / lesson.name
        copy.mkdir(parents=True)
        for path in lesson.glob("*.py"):
            (copy / path.name).write_bytes(path.read_bytes())
        changed = SEED.sub(f"SEED = {seed}", code)
        (copy / "lesson.py").write_text(changed, encoding="utf-8")
        environment = {"PYTORCH_REFRESHER_DATA": str(folder / "data")} | environment
        done = run(copy, "--figures", "figures", folder=folder / name, **environment)
        if done.status or done.errors:
            raise RuntimeError(f"{lesson.name}, {name}: status {done.status}\n{done.errors}")
        yield name, done.output


def measured(lesson: Path, seeds: int) -> dict[Claim, dict[str, float]]:
    """The value of each claim in each run."""
    values = {each: {} for each in claims(lesson)}
    with tempfile.TemporaryDirectory() as folder:
        for name, output in outputs(lesson, seeds, Path(folder)):
            for each in values:
                values[each][name] = each(output)
    return values


def rows_of(lesson: Path) -> list[str]:
    """The lesson's rows in docs/claims.md."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if f"/{lesson.name}/README.md)" in line]


def write(lesson: Path, values: dict[Claim, dict[str, float]]) -> None:
    """Put the lesson's rows into docs/claims.md, with the lessons in their order."""
    rows = {each: rows_of(each) for each in LESSONS}
    link = f"[{chapters()[lesson.name].number}](../pytorch_refresher/{lesson.name}/README.md)"
    rows[lesson] = [
        f"| {link} | {each.words} | {each.must_be} | {min(found.values()):.4g} "
        f"| {max(found.values()):.4g} | {len(found)} |"
        for each, found in values.items()
    ]
    introduction = PAGE.read_text(encoding="utf-8").partition(HEAD)[0]
    table = "".join(f"{row}\n" for lesson_rows in rows.values() for row in lesson_rows)
    PAGE.write_text(introduction + HEAD + table, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers or folders; default: all")
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds (default 5)")
    parser.add_argument("--write", action="store_true", help="write the rows of docs/claims.md")
    options = parser.parse_args()
    status = 0
    for lesson in chosen(options.lessons) or filter(claims, LESSONS):
        print(f"\n{lesson.name}")
        try:
            values = measured(lesson, options.seeds)
        except (RuntimeError, ValueError) as error:
            print(f"  {error}")
            status = 1
            continue
        for each, found in values.items():
            failed = [name for name, value in found.items() if not each.holds(value)]
            print(f"  {each.words}: {each.must_be}; {min(found.values()):.4g} to ", end="")
            print(f"{max(found.values()):.4g} in {len(found)} runs", end="")
            print(f"   FAILS: {', '.join(failed)}" if failed else "")
        if not all(each.holds(value) for each, found in values.items() for value in found.values()):
            status = 1
        elif options.write:
            write(lesson, values)
    return status


if __name__ == "__main__":
    sys.exit(main())
