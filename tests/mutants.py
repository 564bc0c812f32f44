"""Changes the reference answers at random and shows which changes the checks did not notice.

    python tests/mutants.py                    500 mutants of all problems
    python tests/mutants.py --count 50 15_     50 of the lessons whose folder begins so

A mutant has one operator, number, name, argument or statement changed. One that is still marked
"solved" is printed with its change: either it computes the same, or the check is to be sharpened.
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
import warnings
from collections.abc import Callable, Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"

from course import LESSONS, problems, solutions_module  # noqa: E402

from pytorch_refresher._common.practice import mark  # noqa: E402

SECONDS = 20  # a mutant that takes longer loops for ever
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.Gt: ast.LtE, ast.LtE: ast.Lt, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or,
    ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
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
        for place in range(len(node.keywords)):
            yield lambda n, place=place: n.keywords.pop(place)
        if len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args):
            yield lambda n: n.args.insert(0, n.args.pop(1))
    if isinstance(getattr(node, "body", None), list):
        keep = (ast.Return, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Pass)
        for place, statement in enumerate(node.body):
            if not isinstance(statement, keep):
                yield lambda n, place=place: n.body.__setitem__(place, ast.Pass())


def mutants(lesson, name: str) -> list[tuple[str, str]]:
    """All mutants of a reference answer: the source of the whole module, and the change."""
    module = ast.parse((lesson / "solutions.py").read_text(encoding="utf-8"))
    place = next(i for i, node in enumerate(module.body) if getattr(node, "name", "") == name)
    original = module.body[place]
    found = []
    for number, node in enumerate(ast.walk(original)):
        for change in changes(node):
            mutant = copy.deepcopy(module)
            change(list(ast.walk(mutant.body[place]))[number])
            texts = [ast.unparse(tree).splitlines() for tree in (original, mutant.body[place])]
            lines = list(difflib.ndiff(*texts))
            shown = "  ->  ".join(line[1:].strip() for line in lines if line[0] in "-+")
            if shown:
                found.append((ast.unparse(mutant), shown))
    return found


def is_solved(job: tuple) -> bool:
    """Whether the check of a problem takes a mutant for a right answer."""

    def too_long(*_) -> None:
        raise TimeoutError

    lesson, name, source, _ = job
    if hasattr(signal, "SIGALRM"):  # Windows has none
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(SECONDS)
    check = getattr(solutions_module(lesson), f"check_{name}")
    file = str(lesson / "solutions.py")
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scope = {"__name__": "mutant", "__file__": file}
            exec(compile(source, file, "exec"), scope)
            return mark(scope[name], check) == "solved"
    except (Exception, SystemExit):
        return False
    finally:
        if hasattr(signal, "SIGALRM"):
            signal.alarm(0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", help="lessons, by the beginning of their folder")
    parser.add_argument("--count", type=int, default=500, help="how many mutants (500)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice (0)")
    arguments = parser.parse_args()
    chosen = [path for path in LESSONS if path.name.startswith(tuple(arguments.folders or [""]))]
    jobs = [
        (lesson, name, *mutant)
        for lesson in chosen
        for name in problems(lesson)
        for mutant in mutants(lesson, name)
    ]
    total = len(jobs)
    jobs = random.Random(arguments.seed).sample(jobs, min(arguments.count, total))
    survivors = 0
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for job, solved in zip(jobs, pool.imap(is_solved, jobs, chunksize=4), strict=True):
            if solved:
                survivors += 1
                print(f"{job[0].name} {job[1]}: {job[3]}", flush=True)
    share = 1 - survivors / max(1, len(jobs))
    print(f"{len(jobs) - survivors} of {len(jobs)} turned away ({share:.1%}), out of {total:,}.")


if __name__ == "__main__":
    main()
