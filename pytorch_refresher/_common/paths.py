"""Where things lie: the project, its data and each lesson's pictures."""

import os
import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED_SAMPLES = PROJECT / "data" / "sample"


def data_folder() -> Path:
    """The folder for downloads and drawn samples: data/, unless PYTORCH_REFRESHER_DATA moves it."""
    moved = os.environ.get("PYTORCH_REFRESHER_DATA")
    return Path(moved).expanduser().resolve() if moved else PROJECT / "data"


def lesson_number(lesson_folder: Path) -> str:
    """The short name of a lesson's folder: "15" for 15_scaled..., "appendix_a" for appendix_a_cnn."""
    return re.match(r"appendix_[a-z]|[^_]+", lesson_folder.name).group()
