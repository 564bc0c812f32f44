"""What the lessons share: console, paths, devices, figures, and the marking of answers.

Lessons import this before PyTorch, so that a missing package, an old Python or a Ctrl-C during
the imports ends in one sentence too.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  older ones fail later, with less to go by
    sys.exit(f"The course needs Python 3.11 or newer, and this is {sys.version.split()[0]}.")

from pytorch_refresher._common.console import (
    end_in_one_sentence,
    lesson_arguments,
    section,
    show_error,
)

end_in_one_sentence()

from pytorch_refresher._common.figures import save_figure  # noqa: E402
from pytorch_refresher._common.practice import report_practice  # noqa: E402

__all__ = ["lesson_arguments", "report_practice", "save_figure", "section", "show_error"]
