"""Every README agrees with the code beside it, and its links lead somewhere."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
import replicate
from claims_of import elsewhere
from course import FIGURES, LESSONS, PROJECT, chapters, each_lesson, problems, run
from readmes import (
    DOCUMENTS,
    apply_diff,
    blocks,
    changed_copy,
    decimals_in_sentences,
    is_backed,
    missing,
    read,
    same_code,
    same_line,
    same_numbers,
    shown_outputs,
    stands_in,
    try_its,
)
from refresh_readmes import refreshed

HEADINGS = [
    "Learning objectives",
    "Concept",
    "Code walkthrough",
    "Key takeaways",
    "Practice problems",
    "Sources",
]
TRY_ITS = [
    pytest.param(lesson, box, id=f"{lesson.name}-{number}")
    for lesson in LESSONS
    for number, box in enumerate(try_its(read(lesson / "README.md")), 1)
]


def slug(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


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
        assert stands_in(block.lines, lines, same_code), "\n".join(block.lines)


@each_lesson
def test_text_blocks_stand_in_the_output(lesson, whole_run):
    found = shown_outputs(read(lesson / "README.md"))
    assert found
    assert not missing(found, whole_run(lesson).output, numbers=same_numbers(lesson))


@each_lesson
def test_practice_problems_are_described_with_hints(lesson):
    section = read(lesson / "README.md").partition("## Practice problems")[2]
    names = re.findall(r"^\d\. \*\*`(\w+)`\*\*", section, flags=re.MULTILINE)
    assert names == problems(lesson)
    told = r"^\d\. \*\*`\w+`\*\* \((?:easy|medium|hard), \d+ minutes\) "
    assert len(re.findall(told, section, flags=re.MULTILINE)) == len(names)
    hints = ["Hint 1: where to start", "Hint 2: almost there"]
    assert re.findall(r"<details><summary>(.*?)</summary>", section) == hints * len(names)


@each_lesson
def test_invites_to_two_to_four_experiments(lesson):
    boxes = try_its(read(lesson / "README.md"))
    assert 2 <= len(boxes) <= 4
    for box in boxes:
        assert "?" in box.question, box.question
        assert box.diff, f"no diff: {box.question}"
        assert "<summary>What happens</summary>" in box.answer, box.question
        assert box.outputs, f"no text block: {box.question}"


@pytest.mark.parametrize(("lesson", "box"), TRY_ITS)
def test_a_try_it_runs_to_the_end_and_prints_what_its_answer_shows(lesson, box, tmp_path, shared):
    copy = changed_copy(lesson, box, tmp_path)
    data = {"PYTORCH_REFRESHER_DATA": str(shared / "data")}
    done = run(copy, "--figures", "figures", folder=tmp_path, warm_start=True, **data)
    assert (done.status, done.errors) == (0, "")
    assert done.output.endswith("solved.\n")
    assert not missing(box.outputs, done.output, numbers=same_numbers(lesson))


@each_lesson
def test_every_decimal_in_a_sentence_comes_from_a_run(lesson, whole_run):
    text = read(lesson / "README.md")
    shown = [line for box in try_its(text) for block in box.outputs for line in block.lines]
    sources = [whole_run(lesson).output, read(lesson / "lesson.py"), *shown]
    sources += [*replicate.rows_of(lesson), *elsewhere(lesson)]
    found = decimals_in_sentences(text)
    assert not [number for number in found if not is_backed(number, "\n".join(sources))]


@pytest.mark.parametrize(
    ("written", "printed", "agree"),
    [
        ("accuracy 84.7%", "accuracy 84.7%", True),
        ("accuracy 84.7%", "accuracy   81.0%", True),
        ("accuracy 84.7%", "accuracy 12.3%", False),
        ("accuracy 84.7%", "accuracy of 84.7%", False),
        ("loss 0.001", "loss 0.002", True),
        ("loss 0.001", "loss 0.003", False),
        ("loss 0.50", "loss -0.50", False),
        ("gradient 1.5e-06", "gradient 1.52e-06", True),
        ("gradient 1.5e-06", "gradient 1.5e-05", False),
        ("w = ( 0.000, 1,234.5)", "w = (-0.001, 1,250.0)", True),
        ("tensor([20.])", "tensor([21.])", False),
        ("step 10: 0.5", "step 20: 0.5", False),
        ("PyTorch 2.8.0", "PyTorch 2.8.1", False),
        ("RuntimeError: sizes 3 and ...", "RuntimeError: sizes 3 and 4 differ", True),
        ("RuntimeError: sizes 3 and ...", "RuntimeError: sizes 5 and 4 differ", False),
        ("loss 0.500 after ...", "loss 0.700 after 3 steps", False),
    ],
)
def test_a_line_agrees_with_the_output_in_words_integers_and_nearly_in_decimals(
    written, printed, agree
):
    assert same_line(written, printed) == agree


def test_a_block_agrees_with_lines_that_follow_each_other():
    page = "\n".join(["```{}", "a 1.0", "b 2.0", "```"])
    exact, skips = page.format("text"), page.format("text").replace("\nb", "\n...\nb")
    for text, output, agree in [
        (exact, "a 1.0\nb 2.0", True),
        (exact, "a 1.0\nc\nb 2.0", False),
        (skips, "a 1.0\nc\nb 2.0", True),
        (skips, "b 2.0\na 1.0", False),
        (exact, "a 1.0\nb 7.0", False),
        (page.format("text timing"), "a 1.0\nb 7", True),
        (page.format("text timing"), "a 1.0\nd 2.0", False),
    ]:
        assert (not missing(blocks(text, "text", "text timing"), output)) == agree, text + output


def test_refreshing_a_block_changes_its_numbers_once_and_names_what_is_gone():
    output = "  a  1.0\nb 20\n\nc 3.0\nc 4.0\n"
    [block] = blocks("> ```text\n> a 2.5\n> b 10\n> ...\n> c 9.0\n> ```", "text")
    lines, lost = refreshed(block, output)
    # Two lines of the output have the words of the last one: which is meant?
    assert (lines, lost) == (["  a  1.0", "b 20", "...", "c 9.0"], ["c 9.0"])
    assert refreshed(replace(block, lines=lines), output) == (lines, lost)


CODE = "for x in y:\n    w = 1  # start\n    f(w)\nw = 2\nf(w)\n"


@pytest.mark.parametrize(
    ("diff", "changed"),
    [
        ("-w = 1\n+w = 3", CODE.replace("w = 1  # start", "w = 3")),
        ("-    w = 1  # begin\n+    if w:\n+        w = 3", CODE.replace("w = 1  # start", "if w:\n        w = 3")),
        ("-w = 1\n+w = 3\n-w = 2\n+w = 4", CODE.replace("w = 1  # start", "w = 3").replace("w = 2", "w = 4")),
        ("-w = 2", CODE.replace("w = 2\n", "")),
        (" w = 1\n+g(w)", CODE.replace("start\n", "start\n    g(w)\n")),
        (" w = 2\n-f(w)\n+g(w)", CODE.replace("w = 2\nf", "w = 2\ng")),
        ("-f(w)\n+g(w)", "2 times in lesson.py"),
        ("-w = 5\n+g(w)", "0 times in lesson.py"),
        ("w = 1", "begins with"),
    ],
)  # fmt: skip
def test_a_diff_changes_the_lines_that_it_names(diff, changed):
    if changed.startswith("for"):
        assert apply_diff(diff.splitlines(), CODE) == changed
    else:
        with pytest.raises(ValueError, match=changed):
            apply_diff(diff.splitlines(), CODE)


@pytest.mark.parametrize(
    ("sentence", "backed"),
    [
        ("It reached 84.7% of 0.5, `9.9`, $`8.8`$, [7.7](6.6) on Python 3.11.", True),
        ("About 84.6 or -0.5.", False),
        ("It reached 12.3%.", False),
        ("A rate of 4.0, the loss 1.3.", True),
        ("## 12.3\n\n```text\n12.3\n```\n\n## Sources\n\n- 12.3", True),
    ],
)
def test_a_decimal_in_a_sentence_is_backed_by_a_number_near_it(sentence, backed):
    sources = "accuracy 84.65 rate 4 loss 1.345 half 0.5"
    assert all(is_backed(number, sources) for number in decimals_in_sentences(sentence)) == backed


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


def test_the_front_page_lists_the_lessons():
    row = r"^\| (\d\d|[AB]) \| \[([^]]+)\]\(pytorch_refresher/(\w+)/README\.md\) \|"
    listed = re.findall(row, read(PROJECT / "README.md"), flags=re.MULTILINE)
    assert listed == [(each.number, each.title, each.folder) for each in chapters().values()]
