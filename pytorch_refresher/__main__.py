"""The course at a glance: which lessons there are, and how far you have come.

python -m pytorch_refresher                        the lessons, and your practice so far
python -m pytorch_refresher run 05 16              run lessons (or: run all)
python -m pytorch_refresher practice 05            mark practice answers (without a number: all)
python -m pytorch_refresher data                   which datasets are there, and what each takes
python -m pytorch_refresher data --download text   fetch one
"""

import argparse
import contextlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Lesson:
    """A lesson as the command line names it."""

    number: str  # "05", "A"
    title: str
    file: Path


def all_lessons() -> list[Lesson]:
    """The lessons in their order, found by their folders."""
    found = []
    for file in sorted(PACKAGE.glob("*/lesson.py")):
        # The title is read, not imported: an answer with a syntax error must not hide the lesson.
        text = file.read_text(encoding="utf-8")
        number, title = re.match(r'"""\w+ (\w+): ([^"\n]+)', text).groups()
        found.append(Lesson(number, title, file))
    return found


def chosen(names: list[str], parser: argparse.ArgumentParser) -> list[Lesson]:
    """The lessons of these numbers (5, 05, A) or folders; all where none or "all" is named.

    An unknown name ends the program with status 2 and the names there are.
    """
    lessons = all_lessons()
    if not names or names == ["all"]:
        return lessons
    known = {lesson.number.lower().lstrip("0"): lesson for lesson in lessons}
    known |= {lesson.file.parent.name: lesson for lesson in lessons}
    picked = []
    for name in names:
        key = Path(name).name.lower().lstrip("0") if name.isalnum() else Path(name).name
        if key not in known:
            numbers = " ".join(lesson.number for lesson in lessons)
            parser.error(f"there is no lesson {name!r}. There are: {numbers}")
        picked.append(known[key])
    return picked


def marks(lesson: Lesson) -> dict[str, str]:
    """The verdict on each practice problem of a lesson, by its name; what answers print is left out."""
    from pytorch_refresher._common.practice import load_solutions, mark

    with contextlib.redirect_stdout(io.StringIO()):
        solutions = load_solutions(lesson.file)
        checks = {
            name.removeprefix("check_"): check
            for name, check in vars(solutions).items()
            if name.startswith("check_")
        }
        try:
            spec = importlib.util.spec_from_file_location(lesson.file.parent.name, lesson.file)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            cause = f"{type(error).__name__}: {error}".splitlines()[0]
            return dict.fromkeys(checks, f"not yet: lesson.py cannot be loaded ({cause})")
        verdicts = {}
        for name, check in checks.items():
            if not hasattr(module, name):
                verdicts[name] = f"not yet: lesson.py has no function {name}"
                continue
            try:
                verdicts[name] = mark(getattr(module, name), check)
            except SystemExit:
                verdicts[name] = "not yet: it ends the program"
        return verdicts


def overview() -> None:
    """Print a line for each lesson, with how many of its practice answers are right."""
    total = solved = 0
    for lesson in all_lessons():
        verdicts = list(marks(lesson).values())
        right = verdicts.count("solved")
        print(f"{lesson.number:>2}  {lesson.title:<31} {right} of {len(verdicts)} solved")
        total, solved = total + len(verdicts), solved + right
    print(f"\n{solved} of {total} practice problems are solved. More: --help")


def run(lessons: list[Lesson], figures: str | None) -> int:
    """Run lessons one after the other, whatever becomes of each; say what each took."""
    flags = ["--figures", figures] if figures else []
    report, status = [], 0
    try:
        for lesson in lessons:
            start = time.perf_counter()
            done = subprocess.run([sys.executable, str(lesson.file), *flags])
            seconds = time.perf_counter() - start
            ending = "" if done.returncode == 0 else f"   failed, status {done.returncode}"
            report.append(f"{lesson.number:>2}  {lesson.title:<31} {seconds:>6.1f} s{ending}")
            status = status or int(done.returncode != 0)
            print()
    except KeyboardInterrupt:
        status = 130
        print()
    print("Run\n---")
    for line in report:
        print(line)
    left = len(lessons) - len(report)
    if left:
        print(f"Stopped, with {left} of {len(lessons)} lessons not run to the end.")
    return status


def practice(lessons: list[Lesson], as_json: bool) -> int:
    """Mark the practice answers of lessons; the status is 0 when all are solved."""
    report = []
    for lesson in lessons:
        verdicts = marks(lesson)
        report.append({"lesson": lesson.number, "title": lesson.title, "verdicts": verdicts})
        if not as_json:
            print(f"{lesson.number:>2}  {lesson.title}")
            for name, verdict in verdicts.items():
                print(f"    {name:<34} {verdict}")
    verdicts = [verdict for entry in report for verdict in entry["verdicts"].values()]
    solved = verdicts.count("solved")
    if as_json:
        print(json.dumps({"solved": solved, "of": len(verdicts), "lessons": report}, indent=2))
    else:
        print(f"{solved} of {len(verdicts)} solved.")
    return int(solved < len(verdicts))


def data(download: str | None) -> None:
    """Fetch a dataset if asked to, then say of each where it stands and what it takes to fetch."""
    from pytorch_refresher._common import datasets
    from pytorch_refresher._common.paths import data_folder

    if download:
        getattr(datasets, download)(download=True)
        print()
    print(f"Datasets in {data_folder()}:")
    for name, source in datasets.SOURCES.items():
        megabytes = sum(file["size"] for file in source["files"].values()) / 1e6
        there = (data_folder() / name).exists()
        print(f"  {name:<15} {megabytes:>6.1f} MB to fetch   {'there' if there else 'not there'}")
    print("A lesson uses what is there, and otherwise its built-in sample.")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pytorch_refresher",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="{run,practice,data}")
    command = commands.add_parser("run", help="run lessons, and say how long each took")
    command.add_argument("lessons", nargs="+", metavar="NN", help="numbers such as 05 or A, or all")
    command.add_argument("--figures", metavar="DIR", help="where pictures go")
    command = commands.add_parser("practice", help="mark answers; status 0 when all are solved")
    command.add_argument("lessons", nargs="*", metavar="NN", help="numbers; default: all")
    command.add_argument("--json", action="store_true", help="a report for a marking script")
    command = commands.add_parser("data", help="which datasets are there; fetch one")
    names = ["fashion_mnist", "oxford_flowers", "horse_or_human", "text"]
    command.add_argument("--download", choices=names, metavar="NAME", help=", ".join(names))
    arguments = parser.parse_args()
    if arguments.command == "run":
        return run(chosen(arguments.lessons, parser), arguments.figures)

    try:
        from pytorch_refresher._common.console import prepare_console
    except ModuleNotFoundError as missing:
        sys.exit(f"{missing}. In the top folder, run: python -m pip install -e .")
    prepare_console()
    os.environ.setdefault("MPLBACKEND", "Agg")  # practice draws, but needs no screen
    if arguments.command == "practice":
        return practice(chosen(arguments.lessons, parser), arguments.json)
    if arguments.command == "data":
        data(arguments.download)
    else:
        overview()
    return 0


if __name__ == "__main__":
    sys.exit(main())
