"""What the lessons share: console, paths, devices, data, figures and the marking of answers."""

from pytorch_refresher._common.console import lesson_arguments, section
from pytorch_refresher._common.figures import save_figure
from pytorch_refresher._common.practice import report_practice

__all__ = ["lesson_arguments", "report_practice", "save_figure", "section"]
