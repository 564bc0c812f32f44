"""One style for all files, and nothing in them that ties them to one machine."""

import re
import subprocess
import sys

import pytest
from course import PROJECT


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_is_content(command):
    ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
    done = subprocess.run(ruff, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_path_of_a_machine_and_nothing_left_over():
    pattern = re.compile(r"/home/[a-z]|/Users/|C:\\Users|\bTODO\b|\bFIXME\b|\bXXX\b")
    for folder in ("pytorch_refresher", "docs", "data", "README.md"):
        top = PROJECT / folder
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.suffix in (".py", ".md") and "outputs" not in path.parts:
                assert not pattern.search(path.read_text(encoding="utf-8")), path


def test_no_lesson_imports_another():
    for path in (PROJECT / "pytorch_refresher").glob("[0-9a]*_*/*.py"):
        own = re.findall(
            r"(?:from|import) pytorch_refresher(\S*)", path.read_text(encoding="utf-8")
        )
        allowed = ("._common", "._data", f".{path.parent.name}.")  # or its own folder
        assert all(name.startswith(allowed) for name in own), path


def test_the_workflow_is_valid():
    workflow = PROJECT / ".github" / "workflows" / "tests.yml"
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    check += ["vendor.github-workflows", str(workflow)]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    # The commands that it takes out of the README, one for each kind of shell.
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    for pattern in (r"^python3 .*-m pytest$", r"^py .*-m pytest$"):
        assert re.search(pattern, readme, flags=re.MULTILINE)
