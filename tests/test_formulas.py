"""GitHub's Markdown leaves every formula as it is written."""

import html
import re

import cmarkgfm
import pytest
from course import PROJECT
from readmes import DOCUMENTS, FORMULA, blocks, read


def written(text: str) -> list[str]:
    """The formulas of a page: $`inline`$ ones, then those in fences marked `math`."""
    fences = {block.start: block for block in blocks(text)}
    lines = text.splitlines()
    for block in fences.values():
        lines[block.start : block.start + len(block.lines)] = [""] * len(block.lines)
    inline = FORMULA.findall(re.sub("``[^`].*?``", "", "\n".join(lines)))  # not in a code span
    return inline + ["\n".join(block.lines) for block in fences.values() if block.info == "math"]


def rendered(text: str) -> tuple[list[str], str]:
    """The formulas of the page that GitHub makes of a text, and what is left beside all code."""
    page = cmarkgfm.github_flavored_markdown_to_html(text)
    inline = re.findall(r"\$<code>(.*?)</code>\$", page, flags=re.DOTALL)
    fences = re.findall(r'<pre lang="math"><code>(.*?)\n</code>', page, flags=re.DOTALL)
    rest = re.sub(r"\$<code>.*?</code>\$|<code>.*?</code>", "", page, flags=re.DOTALL)
    return [html.unescape(formula) for formula in inline + fences], rest


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_formulas_reach_the_reader_unchanged(path):
    text = read(path)
    formulas, rest = rendered(text)
    assert formulas == written(text)
    assert not re.findall(r".*\$.*", rest), "a formula outside $`...`$ and ```math"


@pytest.mark.parametrize(
    "text",
    [
        "bare $x_{a} + y_{a}$",
        "$$\nx\n$$",
        "$x`$",
        "a table\n\n| a |\n|---|\n| $`|x|`$ |",
        "<details>\n$`x`$\n</details>",
    ],
)
def test_a_formula_that_github_would_change_is_noticed(text):
    formulas, rest = rendered(text)
    assert formulas != written(text) or "$" in rest


def test_a_formula_in_a_table_a_quote_or_a_fence_is_found():
    text = "| a |\n|---|\n| $`\\lvert x_{a} \\rvert`$ |\n\n> ```math\n> a < b \\\\\n> c\n> ```\n"
    assert rendered(text)[0] == written(text) == ["\\lvert x_{a} \\rvert", "a < b \\\\\nc"]
