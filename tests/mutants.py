"""Changes the reference answers at random and shows which changes the checks did not notice.

    python tests/mutants.py                    500 mutants of all problems
    python tests/mutants.py --count 50 15_     50 of the lessons whose folder begins so

A mutant has one operator, number, name, argument or statement changed, in the answer or in a
function or class that it builds on. One that is still marked "solved" is printed with its change:
either it does what the problem asks for as well, or the check is to be sharpened.
"""

import argparse
import ast
import contextlib
import copy
import difflib
import io
import multiprocessing
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pytorch_refresher._common.marking import mark  # noqa: E402

from course import LESSONS, part, problems  # noqa: E402

SECONDS = 20  # a mutant that takes longer loops for ever
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.Gt: ast.LtE, ast.LtE: ast.Lt, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or,
    ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
# How a figure looks and how fast a model learns is nobody's question, and strict= only guards
# against other mistakes.
UNASKED = {"strict", "layout", "figsize", "cmap", "aspect", "rotation", "xytext", "textcoords"}
UNASKED |= {"lr", "label"}
EITHER_WAY = {
    "max",
    "min",
    "transpose",
    "loss_function",
}  # the order of their arguments says nothing
PAIRS = ("min max", "sin cos", "mean sum", "any all", "zeros ones", "tril triu", "argmax argmin")
NAMES = {a: b for pair in map(str.split, PAIRS) for a, b in (pair, reversed(pair))}


def changes(node: ast.AST) -> Iterator[Callable[[ast.AST], None]]:
    """Functions that each change a copy of `node` in one way."""
    if isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)) and type(node.op) in OPERATORS:
        yield lambda n: setattr(n, "op", OPERATORS[type(n.op)]())
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        yield lambda n: n.ops.__setitem__(0, OPERATORS[type(n.ops[0])]())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda n: setattr(n, "value", not n.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield lambda n: setattr(n, "value", n.value + 1)
        yield lambda n: setattr(n, "value", n.value - 1)
    elif isinstance(node, ast.Constant) and isinstance(node.value, float):
        yield lambda n: setattr(n, "value", n.value * 2 + 0.1)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield lambda n: setattr(n, "op", ast.UAdd())  # +True is as true as True
    elif isinstance(node, (ast.If, ast.IfExp)):
        yield lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield lambda n: setattr(n, "attr", NAMES[n.attr])
    elif isinstance(node, ast.Call):
        for place, keyword in enumerate(node.keywords):
            if keyword.arg not in UNASKED:
                yield lambda n, place=place: n.keywords.pop(place)
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        starred = any(isinstance(argument, ast.Starred) for argument in node.args)
        if len(node.args) > 1 and not starred and called not in EITHER_WAY:
            yield lambda n: n.args.insert(0, n.args.pop(1))
    if isinstance(getattr(node, "body", None), list):
        keep = (ast.Return, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Pass)
        for place, statement in enumerate(node.body):
            says = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not isinstance(statement, keep) and not says:
                yield lambda n, place=place: n.body.__setitem__(place, ast.Pass())


def used_by(name: str, module: ast.Module) -> list[int]:
    """The places in `module` of an answer and of the functions and classes that it builds on."""
    places = {getattr(node, "name", ""): place for place, node in enumerate(module.body)}
    found, names = [], {name}
    while new := [places[name] for name in sorted(names) if places[name] not in found]:
        found += new
        for place in new:
            for statement in module.body[place].body:  # not the types of its parameters
                nodes = ast.walk(statement)
                names |= {node.id for node in nodes if isinstance(node, ast.Name)} & set(places)
    return found


def parts(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and all below it, but for what no problem asks for."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.keyword) and child.arg in UNASKED):
            yield from parts(child)


def mutants(lesson) -> list[tuple[str, str, str]]:
    """All mutants of a lesson's answers: problem, source of the whole module, and the change."""
    module = ast.parse((lesson / "solutions.py").read_text(encoding="utf-8"))
    # What several answers build on is changed once, for the first of them.
    first = {}
    for name in problems(lesson):
        for place in used_by(name, module):
            first.setdefault(place, name)
    found = []
    for place, name in first.items():
        original = module.body[place]
        for number, node in enumerate(parts(original)):
            for change in changes(node):
                mutant = copy.deepcopy(module)
                change(list(parts(mutant.body[place]))[number])
                texts = [ast.unparse(tree).splitlines() for tree in (original, mutant.body[place])]
                lines = list(difflib.ndiff(*texts))
                shown = "  ->  ".join(line[1:].strip() for line in lines if line[0] in "-+")
                if shown:
                    found.append((name, ast.unparse(mutant), shown))
    return found


def is_solved(job: tuple) -> bool:
    """Whether the check of a problem takes a mutant for a right answer."""

    def too_long(*_) -> None:
        raise SystemExit  # no `except Exception` of an answer or a check stops it

    lesson, name, source, _ = job
    if hasattr(signal, "SIGALRM"):  # Windows has none
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(SECONDS)
    check = getattr(part(lesson, "checks"), f"check_{name}")
    file = str(lesson / "solutions.py")
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scope = {"__name__": "mutant", "__file__": file}
            exec(compile(source, file, "exec"), scope)
            return mark(scope[name], check, name=name).kind == "solved"
    except (Exception, SystemExit):
        return False
    finally:
        if hasattr(signal, "SIGALRM"):
            signal.alarm(0)


def sample(folders: tuple[str, ...], count: int, seed: int) -> tuple[list[tuple], int]:
    """Some mutants of the lessons whose folders begin so, and how many there are of them."""
    chosen = [lesson for lesson in LESSONS if lesson.name.startswith(folders)]
    jobs = [(lesson, *mutant) for lesson in chosen for mutant in mutants(lesson)]
    return random.Random(seed).sample(jobs, min(count, len(jobs))), len(jobs)


def survivors(jobs: list[tuple], processes: int = 2) -> Iterator[str]:
    """A line for each mutant that its check takes for a right answer."""
    # Unlike multiprocessing.Pool, it does not wait for ever for a worker that was killed.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for job, solved in zip(jobs, pool.map(is_solved, jobs, chunksize=4), strict=True):
            if solved:
                yield f"{job[0].name} {job[1]}: {job[3]}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", help="lessons, by the beginning of their folder")
    parser.add_argument("--count", type=int, default=500, help="how many mutants (500)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice (0)")
    arguments = parser.parse_args()
    jobs, total = sample(tuple(arguments.folders or [""]), arguments.count, arguments.seed)
    count = 0
    for line in survivors(jobs):
        count += 1
        print(line, flush=True)
    share = 1 - count / max(1, len(jobs))
    print(f"{len(jobs) - count} of {len(jobs)} turned away ({share:.1%}), out of {total:,}.")


if __name__ == "__main__":
    main()
