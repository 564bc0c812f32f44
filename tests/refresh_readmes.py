"""Writes what lessons and their Try-its print today into the text blocks of their READMEs.

    python tests/refresh_readmes.py          all lessons
    python tests/refresh_readmes.py 05 A     two of them

A line gets the numbers of the line of output that has the same words. Lines that have none, or
more than one, stay as they are and are named, and the status is 1.
"""

import sys
import tempfile
import textwrap
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from course import LESSONS, run  # noqa: E402
from readmes import (  # noqa: E402
    Block,
    changed_copy,
    chunks,
    indentation,
    missing,
    places,
    read,
    same_code,
    same_integers,
    same_line,
    same_words,
    shown_outputs,
    try_its,
)
from replicate import chosen  # noqa: E402


def place(piece: list[str], printed: list[str], start: int) -> int | None:
    """Where a piece of a block comes from: the likeliest place, if there is one."""
    for same in (same_code, same_line, same_integers, same_words):
        found = places(piece, printed, same, start)
        # Words alone may fit in several places. Then a person has to decide.
        if len(found) == 1 or (found and same in (same_code, same_line)):
            return found[0]
    return None


def refreshed(block: Block, output: str) -> tuple[list[str], list[str]]:
    """The lines of a block with today's numbers, and those that are not in the output."""
    printed, lines, lost, start = output.splitlines(), list(block.lines), [], 0
    for at, piece in chunks(block.lines):
        found = place(piece, printed, start)
        if found is None:
            lost += piece
            continue
        start = found + len(piece)
        today = textwrap.dedent("\n".join(printed[found:start])).split("\n")
        margin = min(indentation(line) for line in piece if line.strip() or len(piece) == 1)
        for i, (old, new) in enumerate(zip(piece, today, strict=True)):
            if not old.endswith(" ..."):
                lines[at + i] = (" " * margin + new).rstrip()
    return lines, lost


def refresh(lesson: Path, folder: Path) -> list[str]:
    """Rewrite a README; returns the lines of its blocks that no run prints."""
    page = lesson / "README.md"
    lines, lost = read(page).splitlines(), []
    boxes = try_its(read(page))
    sources = [(lesson, shown_outputs(read(page)))]
    sources += [
        (changed_copy(lesson, box, folder / str(number)), box.outputs)
        for number, box in enumerate(boxes, 1)
    ]
    for source, found in sources:
        data = {"PYTORCH_REFRESHER_DATA": str(folder / "data")}
        output = run(source, "--figures", "figures", folder=folder / "run", **data).output
        for block in found:
            if block.free:  # timings differ from run to run: whoever changes them looks at them
                lost += missing([block], output)
                continue
            today, unknown = refreshed(block, output)
            lost += unknown
            end = block.start + len(today)
            lines[block.start : end] = [f"{block.prefix}{line}".rstrip() for line in today]
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lost


def main() -> int:
    status = 0
    for lesson in chosen(sys.argv[1:]) or LESSONS:
        with tempfile.TemporaryDirectory() as folder:
            for line in refresh(lesson, Path(folder)):
                print(f"{lesson.name}: not in the output: {line}")
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
