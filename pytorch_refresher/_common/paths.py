"""Where the project and its data lie."""

import os
from pathlib import Path

from pytorch_refresher._common.console import LessonError

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED_SAMPLES = PROJECT / "data" / "sample"


def data_folder() -> Path:
    """The folder for downloads and drawn samples: data/, unless PYTORCH_REFRESHER_DATA moves it.

    Raises LessonError if that variable names no folder that could exist.
    """
    moved = os.environ.get("PYTORCH_REFRESHER_DATA")
    if not moved:
        return PROJECT / "data"
    try:
        folder = Path(moved).expanduser().resolve()
        folder.exists()  # a name that is too long fails only here
    except (OSError, RuntimeError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise LessonError(
            f"PYTORCH_REFRESHER_DATA={moved[:200]!r} names no folder: {cause}."
        ) from None
    return folder
