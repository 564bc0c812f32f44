"""The course at a glance: which lessons there are, and how far you have come.

python -m pytorch_refresher                        the lessons, and your practice so far
python -m pytorch_refresher run 05 16              run lessons (or: run all)
python -m pytorch_refresher practice 05            mark practice answers (without a number: all)
python -m pytorch_refresher practice 05 --watch    mark them again whenever you save
python -m pytorch_refresher data                   which datasets are there, and what each takes
python -m pytorch_refresher data --download text   fetch one
"""

import argparse
import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

from pytorch_refresher._common.console import LessonError, prepare_console
from pytorch_refresher._common.course import COURSE, PACKAGE, Lesson
from pytorch_refresher._common.practice import (
    SECONDS,
    Limits,
    Marker,
    mark_lesson,
    problems,
    summary,
)

COULD_NOT_MARK = 3  # a status of its own: the answers may be right


def chosen(names: list[str], parser: argparse.ArgumentParser) -> list[Lesson]:
    """The lessons of these numbers (5, 05, A) or folders, each once; all if none or "all" is named.

    An unknown name ends the program with status 2 and the names there are.
    """
    if not names or [name.lower() for name in names] == ["all"]:
        return list(COURSE)
    known = {lesson.number.lower().lstrip("0"): lesson for lesson in COURSE}
    known |= {lesson.folder: lesson for lesson in COURSE}
    picked = {}
    for name in names:
        key = Path(name).name
        key = key if key in known else key.lower().lstrip("0")
        if key not in known:
            numbers = " ".join(lesson.number for lesson in COURSE)
            parser.error(f"there is no lesson {name!r}. There are: {numbers}")
        picked[known[key]] = None
    return list(picked)


def overview() -> None:
    """Print a line per lesson, with how many of its practice answers are right."""
    total = solved = 0
    with Marker() as marker:
        for lesson in COURSE:
            try:
                verdicts = [each for _, each, _ in mark_lesson(lesson, lesson.file, marker)]
            except LessonError as error:
                print(f"{lesson.number:>2}  {lesson.title:<31} {error}")
                continue
            right = sum(verdict.kind == "solved" for verdict in verdicts)
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


def practice(arguments: argparse.Namespace, lessons: list[Lesson]) -> int:
    """Mark the practice answers of lessons.

    Returns 0 if all are solved, 1 if not, and 3 if some could not be marked at all.
    """
    limits = Limits(arguments.seconds, arguments.megabytes)
    reports, verdicts = [], []
    is_text = not arguments.json
    with Marker(limits) as marker:
        for lesson in lessons:
            report = {"lesson": lesson.number, "title": lesson.title, "verdicts": {}, "kinds": {}}
            if is_text:
                print(f"{lesson.number:>2}  {lesson.title}")
            try:
                file = answers_of(lesson, arguments.folder, alone=len(lessons) == 1)
                for name, verdict, _ in mark_lesson(lesson, file, marker):
                    report["verdicts"][name] = verdict.line
                    report["kinds"][name] = verdict.kind
                    verdicts.append(verdict)
                    if is_text:
                        print(f"    {name:<34} {verdict.line}")
            except LessonError as error:
                report["error"] = str(error)
                if is_text:
                    print(f"    {error}")
            reports.append(report)
    solved = sum(verdict.kind == "solved" for verdict in verdicts)
    whole = {"solved": solved, "of": len(verdicts), "lessons": reports}
    if is_text:
        alone = len(lessons) == 1 and verdicts
        print(summary(lessons[0], verdicts) if alone else f"{solved} of {len(verdicts)} solved.")
    else:
        print(json.dumps(whole, indent=2))
    if any("error" in report or "not marked" in report["kinds"].values() for report in reports):
        return COULD_NOT_MARK
    return int(solved < len(verdicts))


def answers_of(lesson: Lesson, folder: str | None, alone: bool) -> Path:
    """The lesson.py to mark: the course's, or the one in `folder`, laid out as the course is.

    Where one lesson alone is marked, it may also lie in `folder` itself. Raises LessonError if it
    is in neither place.
    """
    if folder is None:
        return lesson.file
    places = [Path(folder, lesson.folder), Path(folder, PACKAGE.name, lesson.folder)]
    for place in places + [Path(folder)] * alone:
        if (place / "lesson.py").is_file():
            return (place / "lesson.py").resolve()
    raise LessonError(f"{folder} has no {lesson.folder}/lesson.py.")


def watch(lesson: Lesson, file: Path, limits: Limits) -> None:
    """Mark a lesson's answers at every save and print what changed, until all are right."""
    problems(lesson)  # before anything else: can it be marked?
    before, saved = {}, None
    while True:
        with contextlib.suppress(OSError):  # an editor may replace the file just now
            latest = file.stat().st_mtime_ns
            if latest == saved:
                time.sleep(0.2)
                continue
            saved = latest
            with Marker(limits) as marker:
                verdicts = {name: each for name, each, _ in mark_lesson(lesson, file, marker)}
            for name, verdict in verdicts.items():
                if verdict != before.get(name):
                    print(f"    {name:<34} {verdict.line}")
            if verdicts != before or before == {}:
                print(summary(lesson, list(verdicts.values())))
            before = verdicts
            if all(verdict.kind == "solved" for verdict in verdicts.values()):
                return
            print(f"Watching {file.name}. Save it to have it marked again, Ctrl-C to stop.")


def data(download: str | None) -> None:
    """Fetch a dataset if asked to, then say of each whether it is there and what it takes."""
    from pytorch_refresher._common.paths import data_folder
    from pytorch_refresher._data import datasets

    if download:
        getattr(datasets, download)(download=True)
        print()
    print(f"Datasets in {data_folder()}:")
    for name, source in datasets.SOURCES.items():
        megabytes = sum(file["size"] for file in source["files"].values()) / 1e6
        there = (data_folder() / name).exists()
        print(f"  {name:<15} {megabytes:>6.1f} MB to fetch   {'there' if there else 'not there'}")
    print("A lesson uses what is there, and otherwise its built-in sample.")


def _parser() -> argparse.ArgumentParser:
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
    add = command.add_argument
    add("lessons", nargs="*", metavar="NN", help="numbers; default: all")
    add("--watch", action="store_true", help="mark one lesson again at every save")
    add("--json", action="store_true", help="a report for a marking script")
    add("--output", metavar="FILE", help="write the report to a file")
    add("--from", dest="folder", metavar="DIR", help="mark the lessons in another folder")
    add("--seconds", type=float, default=SECONDS, help="for each answer (default: %(default)s)")
    add("--megabytes", type=int, default=0, help="of memory for the answers (on Linux)")

    command = commands.add_parser("data", help="which datasets are there; fetch one")
    names = ["fashion_mnist", "oxford_flowers", "horse_or_human", "text"]
    command.add_argument("--download", choices=names, metavar="NAME", help=", ".join(names))
    return parser


def main() -> int:
    prepare_console()
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.command == "run":
        return run(chosen(arguments.lessons, parser), arguments.figures)
    if arguments.command == "data":
        data(arguments.download)
    elif arguments.command == "practice":
        lessons = chosen(arguments.lessons, parser)
        if arguments.watch:
            if len(lessons) != 1:
                parser.error("--watch takes one lesson: practice 05 --watch")
            limits = Limits(arguments.seconds, arguments.megabytes)
            watch(lessons[0], answers_of(lessons[0], arguments.folder, alone=True), limits)
            return 0
        if arguments.output:
            try:
                with (
                    open(arguments.output, "w", encoding="utf-8") as file,
                    contextlib.redirect_stdout(file),
                ):
                    return practice(arguments, lessons)
            except OSError as error:
                raise LessonError(f"Cannot write {arguments.output}: {error.strerror}.") from None
        return practice(arguments, lessons)
    else:
        overview()
    return 0


if __name__ == "__main__":
    sys.exit(main())
