"""The front page, the glossary and the page of shapes agree with the lessons and with PyTorch."""

import re

import pytest
import torch
from course import LESSONS, PACKAGE, PROJECT, chapters, lesson_module, problems
from PIL import Image

FRONT_PAGE = (PROJECT / "README.md").read_text(encoding="utf-8")
SHAPES = (PROJECT / "docs" / "shapes.md").read_text(encoding="utf-8")
GLOSSARY = (PROJECT / "docs" / "glossary.md").read_text(encoding="utf-8")
LINK = re.compile(r"\[(\d\d|A|B)\]\(\.\./pytorch_refresher/(\w+)/README\.md\)")

# Two values for each letter, so that no output fits by chance.
SIZES = {
    "N": (17, 15), "B": (3, 4), "L": (5, 6), "S": (7, 5), "D": (9, 8), "H": (4, 6), "W": (7, 10),
    "C": (11, 7), "K": (8, 9), "A": (12, 11), "V": (13, 14), "n": (6, 5), "k": (2, 3), "m": (7, 4),
    "d_k": (10, 2), "d_model": (40, 12), "d_ff": (160, 48),
}  # fmt: skip
# A shape, such as `(B, L, D)`, and what it is a shape of.
SHAPE = re.compile(r"(?:\b(int64|bool|picture) )?`(\([^`]*\))`")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def rows(text: str, heading: str) -> list[list[str]]:
    """The rows of every table in `text` whose first line is `heading`."""
    tables = re.findall(rf"^{re.escape(heading)}\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [cells(line) for table in tables for line in table.splitlines()]


def readme(folder: str) -> str:
    return (PACKAGE / folder / "README.md").read_text(encoding="utf-8")


# --- the front page


def test_the_front_page_says_how_long_a_page_takes_to_read():
    """In minutes, at 150 words a minute, practice problems and sources not counted."""
    for folder in chapters():
        page = readme(folder).split("## Practice problems")[0]
        row = re.search(
            rf"^\| .*/{folder}/README.md\).*\| (\d+) \| \d+ \|$", FRONT_PAGE, re.MULTILINE
        )
        assert abs(int(row[1]) - len(page.split()) / 150) <= 1, folder


def test_the_front_page_shows_the_problems_of_a_lesson():
    shown = re.findall(r"^\d\. (\w+) ", FRONT_PAGE.split("## Practice")[1], re.MULTILINE)
    assert shown in [problems(lesson) for lesson in LESSONS]


# --- docs/shapes.md


def shapes() -> list:
    table = rows(SHAPES, "| Expression | Input | Output | Lesson |")
    return [pytest.param(*row, id=f"{row[0]} {row[1]}") for row in table]


def example(kind: str, shape: tuple[int, ...]):
    """An input of a kind and a shape. Whole numbers are 1 or 2: good as index, label and length."""
    if kind == "picture":
        return Image.new("RGB", shape)
    if kind == "int64":
        return torch.randint(1, 3, shape)
    if kind == "bool":
        mask = torch.rand(shape) < 0.5
        mask[..., 0] = True  # no row without a True
        return mask
    return torch.rand(shape)


def parts(result) -> list[tuple[str, tuple[int, ...]]]:
    """Kind and shape of everything that an expression returned."""
    if isinstance(result, tuple | list):
        return [found for part in result for found in parts(part)]
    if isinstance(result, Image.Image):
        return [("picture", result.size)]
    kind = str(result.dtype).removeprefix("torch.")
    return [("" if kind == "float32" else kind, tuple(result.shape))]


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("choice", [0, 1])
@pytest.mark.parametrize(("expression", "given", "returned", "link"), shapes())
def test_a_row_of_shapes_is_true(expression, given, returned, link, choice):
    torch.manual_seed(choice)
    code = expression.strip("`")
    number, folder = LINK.fullmatch(link).groups()
    assert chapters()[folder].number == number

    # The lesson uses what the row shows: names mean what they mean there.
    lesson = (PACKAGE / folder / "lesson.py").read_text(encoding="utf-8") + readme(folder)
    for name in set(re.findall(r"(\w+)\(", code)) - {"iter", "list", "next"}:
        assert re.search(rf"\b{name}\b", lesson), f"{folder} has no {name}"

    letters = {letter: sizes[choice] for letter, sizes in SIZES.items()}
    names = dict(vars(lesson_module(PACKAGE / folder))) | letters
    inputs = [example(kind, eval(shape, letters)) for kind, shape in SHAPE.findall(given)]
    assert inputs or given == "none"
    names |= dict(zip("xyz", inputs, strict=False))
    result = eval(code, names)
    if callable(result) and not isinstance(result, torch.Tensor):
        result = result(*inputs)

    names |= {"sum": lambda tensor: int(tensor.sum()), "max": max, "min": min}
    expected = [(kind, eval(shape, names)) for kind, shape in SHAPE.findall(returned)]
    assert parts(result) == expected


def test_every_letter_is_explained_once():
    explained = [
        letter
        for first, _ in rows(SHAPES, "| Letter | What it counts |")
        for letter in re.findall(r"`(\w+)`", first)
    ]
    assert sorted(explained) == sorted(SIZES)
    written = " ".join(cell for row in shapes() for cell in row.values[:3])
    unused = [letter for letter in SIZES if not re.search(rf"\b{letter}\b", written)]
    assert not unused


def test_every_row_is_read_and_none_stands_twice():
    letters = rows(SHAPES, "| Letter | What it counts |")
    assert len(shapes()) + len(letters) == SHAPES.count("\n| `")
    keys = [row.values[:2] for row in shapes()]
    assert len(keys) == len(set(keys))


def test_every_layer_of_the_course_has_a_row():
    """Every layer, loss and function of torch.nn that a lesson calls."""
    code = "".join((lesson / "lesson.py").read_text(encoding="utf-8") for lesson in LESSONS)
    used = set(re.findall(r"\b((?:nn|F)\.\w+)\(", code))
    used -= {"nn.Module", "nn.ModuleList", "nn.Parameter"}  # they have no shapes of their own
    listed = " ".join(row.values[0] for row in shapes())
    assert not [name for name in sorted(used) if f"{name}(" not in listed]


# --- docs/glossary.md


def terms() -> list:
    table = rows(GLOSSARY, "| Term | Meaning | Lesson |")
    return [pytest.param(*row, id=row[0]) for row in table]


def plain(text: str) -> str:
    """Text as it is read: without marks, in small letters, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"[`*$\\]", "", text)).casefold()


def test_the_glossary_is_in_alphabetical_order_and_has_no_term_twice():
    found = [plain(row.values[0]) for row in terms()]
    assert found == sorted(found, key=lambda term: re.sub(r"[^a-z0-9]", "", term))
    assert len(found) == len(set(found))
    assert len(found) >= 80


@pytest.mark.parametrize(("term", "meaning", "link"), terms())
def test_a_term_leads_to_the_lesson_that_introduces_it(term, meaning, link):
    number, folder = LINK.fullmatch(link).groups()
    assert chapters()[folder].number == number
    assert meaning.endswith(".") and len(meaning) < 250
    assert re.search(rf"\b{re.escape(plain(term))}", plain(readme(folder)))

    # A lesson sets a term in bold where it introduces it, and no earlier one does.
    bold = re.compile(rf"\*\*`?{re.escape(term.strip('`'))}s?`?\*\*", re.IGNORECASE)
    course = list(chapters())
    assert not [each for each in course[: course.index(folder)] if bold.search(readme(each))]


def test_every_lesson_introduces_a_term():
    linked = {LINK.fullmatch(row.values[2])[2] for row in terms()}
    assert {lesson.name for lesson in LESSONS} <= linked
