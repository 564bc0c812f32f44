"""Every README agrees with the code beside it, and its links lead somewhere."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from course import FIGURES, LESSONS, PROJECT, chapters, each_lesson, problems

HEADINGS = [
    "Learning objectives",
    "Concept",
    "Code walkthrough",
    "Key takeaways",
    "Practice problems",
    "Sources",
]
DOCUMENTS = [
    PROJECT / "README.md",
    PROJECT / "data" / "README.md",
    *sorted((PROJECT / "docs").glob("*.md")),
    *(lesson / "README.md" for lesson in LESSONS if (lesson / "README.md").exists()),
]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[list[str]]:
    """The fenced code blocks in one language, as lists of lines."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return [block.splitlines() for block in found]


def slug(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def stands_in(block: list[str], lines: list[str], normal) -> bool:
    """Whether the lines of a block stand in `lines`, one after the other."""
    block, lines = [normal(line) for line in block], [normal(line) for line in lines]
    return any(lines[at : at + len(block)] == block for at in range(len(lines)))


def without_decimals(line: str) -> str:
    """A line of output in which every decimal counts as the same, however wide it is."""
    return re.sub(r"\s+", "", re.sub(r"-?\d+\.\d*(e[+-]?\d+)?", "#", line))


@each_lesson
def test_has_the_headings_in_their_order(lesson):
    text = read(lesson / "README.md")
    assert text.startswith(f"# {chapters()[lesson.name].heading}\n")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == HEADINGS
    assert f"python pytorch_refresher/{lesson.name}/lesson.py" in text
    assert "**Before you start:**" in text


@each_lesson
def test_title_is_the_same_everywhere(lesson):
    assert read(lesson / "lesson.py").startswith(f'"""{chapters()[lesson.name].heading}\n')
    assert read(lesson / "solutions.py").startswith(
        f'"""{chapters()[lesson.name].heading.split(":")[0]}:'
    )


@each_lesson
def test_breadcrumbs_lead_to_the_neighbors(lesson):
    course = list(chapters().values())
    crumbs = ["[All lessons](../../README.md#lessons)"]
    for before, after in pairwise(course):
        if after.folder == lesson.name:
            crumbs.insert(0, f"[← {before.heading}](../{before.folder}/README.md)")
        if before.folder == lesson.name:
            crumbs.append(f"[{after.heading} →](../{after.folder}/README.md)")
    assert read(lesson / "README.md").splitlines()[2] == " · ".join(crumbs)


@each_lesson
def test_python_blocks_stand_in_the_lesson(lesson):
    found = blocks(read(lesson / "README.md"), "python")
    assert found
    lines = read(lesson / "lesson.py").splitlines()
    for block in found:
        assert stands_in(block, lines, str.strip), "\n".join(block)


@each_lesson
def test_text_blocks_stand_in_the_output(lesson, whole_run):
    found = blocks(read(lesson / "README.md"), "text")
    assert found
    lines = whole_run(lesson).output.splitlines()
    for block in found:
        assert stands_in(block, lines, without_decimals), "\n".join(block)


@each_lesson
def test_practice_problems_are_described_with_a_hint(lesson):
    section = read(lesson / "README.md").partition("## Practice problems")[2]
    names = re.findall(r"^\d\. \*\*`(\w+)`\*\*", section, flags=re.MULTILINE)
    assert names == problems(lesson)
    assert section.count("<details><summary>Hint</summary>") == len(names)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_and_pictures_lead_somewhere(path):
    text = re.sub(r"```.*?```", "", read(path), flags=re.DOTALL)
    for picture, label, target in re.findall(r"(!?)\[([^]]*)\]\(([^)\s]+)\)", text):
        assert label, f"{target} has no text"
        assert not picture or target.endswith(".png")
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        destination = (path.parent / file).resolve() if file else path
        assert destination.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", read(destination), flags=re.MULTILINE)
            assert anchor in map(slug, headings), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_pictures_in_html_lead_somewhere_and_have_a_text(path):
    for tag in re.findall(r"<img [^>]*>", read(path)):
        source, text = (re.search(rf'{name}="([^"]+)"', tag)[1] for name in ("src", "alt"))
        assert (path.parent / source).is_file(), source
        assert text


def test_every_picture_is_shown():
    shown = " ".join(read(path) for path in DOCUMENTS)
    unused = [path.name for path in FIGURES.glob("*") if f"docs/figures/{path.name}" not in shown]
    assert not unused


def test_the_front_page_lists_the_lessons_that_are_there():
    assert list(chapters()) == [lesson.name for lesson in LESSONS]
    assert len(LESSONS) == 20
