"""What the READMEs hold (blocks, Try-its, formulas, prose), and when it agrees with a run."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from course import LESSONS, PROJECT

DOCUMENTS = [
    PROJECT / "README.md",
    PROJECT / "data" / "README.md",
    *sorted((PROJECT / "docs").glob("*.md")),
    *(lesson / "README.md" for lesson in LESSONS),
]
# A version such as 3.11.2 is a word. So is the "4." in tensor(4.): such a value is exact.
NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\.?e[+-]?\d+)?"
DECIMAL = re.compile(rf"(?<![\w.])-?(?=[\d,]+(?:\.\d|\.?e[+-]?\d)){NUMBER}(?!\d|\.\d)")
FORMULA = re.compile(r"\$`([^`\n]+)`\$")
TEXT = ("text", "text timing")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# Some hundred steps of training, or deep stacks: there it shows how a processor rounds its sums.
# With each lesson, the instructions of the processor that printed the numbers in its README, with
# the version of PyTorch that is named here.
PYTORCH = "2.14"
ROUNDED = {
    "12_rnns_lstms": "AVX512",
    "13_normalization": "AVX512",
    "14_attention_basics": "AVX512",
    "17_transformer_blocks": "AVX512",
    "18_positional_encoding": "AVX2",
    "appendix_a_cnn": "AVX2",
}


def same_numbers(lesson: Path) -> bool:
    """Whether a run must print the numbers in a lesson's README on this processor and PyTorch.

    What holds on any of them are the claims.
    """
    import torch

    here = torch.backends.cpu.get_cpu_capability()
    alike = ROUNDED.get(lesson.name) == here and torch.__version__.startswith(f"{PYTORCH}.")
    return alike or lesson.name not in ROUNDED


# --- Blocks and Try-its


@dataclass(frozen=True)
class Block:
    """A fenced block: ```info, then its lines."""

    info: str
    lines: list[str]
    start: int  # the index of its first line in the page
    prefix: str  # what stands before the fence: "> " in a quote, spaces in a list

    @property
    def free(self) -> bool:
        """Whether any number will do: a block of timings."""
        return self.info == "text timing"


def blocks(text: str, *infos: str) -> list[Block]:
    """The fenced blocks of a page, of all kinds or of the ones named."""
    found, prefix = [], None
    for at, line in enumerate(text.splitlines()):
        fence = re.fullmatch(r"([> ]*)```(.*)", line)
        if prefix is None and fence:
            prefix, info, start, inside = fence[1], fence[2].strip(), at + 1, []
        elif prefix is not None and fence and not fence[2]:
            found.append(Block(info, inside, start, prefix))
            prefix = None
        elif prefix is not None:
            inside.append(line.removeprefix(prefix if line.startswith(prefix) else prefix.rstrip()))
    return [block for block in found if not infos or block.info in infos]


@dataclass(frozen=True)
class TryIt:
    """A box that invites an experiment."""

    question: str  # what stands before the diff
    diff: list[str]
    answer: str  # the folded part, as it stands in the page
    outputs: list[Block]


def try_its(text: str) -> list[TryIt]:
    """The boxes of a page that begin with **Try it**, in their order."""
    lines, found, start = text.splitlines(), [], None
    for at, line in enumerate([*lines, ""]):
        if line.startswith(">") and start is None:
            start = at
        elif not line.startswith(">") and start is not None:
            box = "\n".join(lines[start:at])
            if "**Try it" in box:
                inside = [each for each in blocks(text) if start <= each.start < at]
                question, _, answer = box.partition("<details>")
                diff = [line for each in inside if each.info == "diff" for line in each.lines]
                shown = [each for each in inside if each.info in TEXT]
                found.append(TryIt(question.partition("```")[0], diff, answer, shown))
            start = None
    return found


def shown_outputs(text: str) -> list[Block]:
    """The text blocks that show what the lesson prints: all but those of Try-its and of lists."""
    others = [block for box in try_its(text) for block in box.outputs]
    shown = [block for block in blocks(text, *TEXT) if block.prefix in ("", "> ")]
    return [block for block in shown if block not in others]


# --- A diff, applied


def code_of(line: str) -> str:
    """A line of code without its indentation and its trailing comment."""
    return re.sub(r"  # .*", "", line).strip()


def indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def apply_diff(diff: list[str], code: str) -> str:
    """Change `code` as a Try-it's diff says; raises ValueError where that is not clear.

    Lines with "-" or " " are looked for in the code, lines with "+" follow the last of them. Their
    indentation in the diff counts only relative to that line's.
    """
    lines = code.splitlines()
    text = "".join(f"{line}\n" for line in diff if line.strip())
    hunks = re.findall(r"((?:^[- ].*\n)+)((?:^\+.*\n)*)", text, flags=re.MULTILINE)
    if text != "".join(old + new for old, new in hunks):
        raise ValueError(f"a line of a diff begins with -, + or a space:\n{text}")
    for old, new in hunks:
        old = old.splitlines()
        wanted = [code_of(line[1:]) for line in old]
        matches = [
            at
            for at in range(len(lines) - len(old) + 1)
            if [code_of(line) for line in lines[at : at + len(old)]] == wanted
        ]
        if len(matches) != 1:
            raise ValueError(f"{len(matches)} times in lesson.py: {wanted}")
        [at] = matches
        shift = indentation(lines[at + len(old) - 1]) - indentation(old[-1][1:])
        kept = [lines[at + i] for i, line in enumerate(old) if line.startswith(" ")]
        added = [line[1:] for line in new.splitlines()]
        added = [" " * (indentation(line) + shift) + line.lstrip() for line in added]
        lines[at : at + len(old)] = kept + added
    return "\n".join(lines) + "\n"


def changed_copy(lesson: Path, box: TryIt, folder: Path) -> Path:
    """A copy of a lesson's folder in which a Try-it's diff is applied."""
    copy = folder / lesson.name
    copy.mkdir(parents=True)
    for path in lesson.glob("*.py"):
        (copy / path.name).write_bytes(path.read_bytes())
    code = copy / "lesson.py"
    code.write_text(apply_diff(box.diff, read(code)), encoding="utf-8")
    return copy


# --- What is written agrees with what is printed


def value(number: str) -> float:
    return float(number.replace(",", ""))


def last_digit(number: str) -> float:
    """One unit of the last digit shown: 0.01 for 2.50, 1e-7 for 1.5e-6."""
    digits, _, exponent = number.partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


def close(shown: str, actual: str) -> bool:
    """Whether a decimal is within 5% of the one shown, or one unit of its last digit."""
    bound = max(0.05 * abs(value(shown)), 1.001 * last_digit(shown))  # 0.1 % for float's rounding
    return abs(value(shown) - value(actual)) <= bound


def split(line: str, number: re.Pattern = DECIMAL) -> tuple[list[str], list[str]]:
    """The words between the numbers of a line, with their spaces collapsed, and the numbers."""
    words = [" ".join(words.split()) for words in number.split(line)]
    return words, number.findall(line)


def same_words(written: str, printed: str) -> bool:
    """Whether a line of a text block agrees with a line of output, numbers aside."""
    return _agree(written, printed, re.compile(rf"-?{NUMBER}"), lambda *_: True)


def same_integers(written: str, printed: str) -> bool:
    """Whether two lines differ in their decimals at most."""
    return split(written)[0] == split(printed)[0]


def same_line(written: str, printed: str) -> bool:
    """Whether a line of a text block agrees with a line of output."""
    return _agree(written, printed, DECIMAL, close)


def _agree(written: str, printed: str, number: re.Pattern, same) -> bool:
    beginning = written.removesuffix(" ...")
    words, numbers = split(beginning, number)
    printed_words, printed_numbers = split(printed, number)
    if beginning != written:
        printed_words = printed_words[: len(words)]
        printed_words[-1] = printed_words[-1][: len(words[-1])]
        printed_numbers = printed_numbers[: len(numbers)]
    return words == printed_words and all(map(same, numbers, printed_numbers))


def same_code(written: str, line: str) -> bool:
    return written.strip() == line.strip()


def chunks(lines: list[str]) -> list[tuple[int, list[str]]]:
    """The pieces of a block between its lines `...`, each with the index of its first line."""
    cuts = [-1, *(at for at, line in enumerate(lines) if line.strip() == "..."), len(lines)]
    pieces = [(before + 1, lines[before + 1 : after]) for before, after in pairwise(cuts)]
    return [(at, piece) for at, piece in pieces if piece]


def places(piece: list[str], lines: list[str], same, start: int = 0) -> list[int]:
    """Where the lines of a piece stand in `lines`, one after the other, from `start` on."""
    ends = range(start, len(lines) - len(piece) + 1)
    return [at for at in ends if all(map(same, piece, lines[at : at + len(piece)]))]


def stands_in(block: list[str], lines: list[str], same=same_line) -> bool:
    """Whether the pieces of a block stand in `lines` in their order."""
    at = 0
    for _, piece in chunks(block):
        found = places(piece, lines, same, at)
        if not found:
            return False
        at = found[0] + len(piece)
    return True


def missing(found: list[Block], output: str, numbers: bool = True) -> list[str]:
    """Those of the blocks, as text, that do not stand in the output, perhaps but for numbers."""
    # From 2.15 on, PyTorch names the operation in front of this error: mm, addmm.
    lines = re.sub(r"(?<=Error: )\w+: (?=mat1 and mat2 shapes)", "", output).splitlines()
    return [
        "\n".join(block.lines)
        for block in found
        if not stands_in(
            block.lines, lines, same_line if numbers and not block.free else same_words
        )
    ]


# --- Numbers in sentences


def prose(text: str) -> str:
    """What is said in sentences: no headings, blocks, code, formulas, addresses or sources."""
    text = re.sub(r"^## Sources\n.*?(?=^## |\Z)", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^([> ]*)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^#+ .*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"(`+)[^`]+\1|</?[a-z][^>]*>", "", FORMULA.sub("", text))
    return re.sub(r"(?<!!)\[[^]]*\]\([^)]*\)|\]\([^)]*\)", "", text)  # an image's text stays


def decimals_in_sentences(text: str) -> list[str]:
    """The decimal numbers of the prose, versions of software aside."""
    software = r"\b(?:Python|PyTorch|torchvision|NumPy|pandas|Pillow|CUDA) \d[\d.]*"
    return DECIMAL.findall(re.sub(software, "", prose(text)))


def is_backed(number: str, sources: str) -> bool:
    """Whether a number in a sentence comes from `sources`, perhaps rounded."""
    half = 0.5001 * last_digit(number)
    if any(close(found, number) or abs(value(found) - value(number)) <= half
           for found in DECIMAL.findall(sources)):  # fmt: skip
        return True
    integers = re.findall(r"(?<![\w.])-?\d[\d,]*(?![\d,]*\.\d)", sources)
    return any(value(found) == value(number) for found in integers)
