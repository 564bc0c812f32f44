"""The twenty lessons, in their order."""

from dataclasses import dataclass
from pathlib import Path

from pytorch_refresher._common.console import LessonError

PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Lesson:
    """A lesson as the front page and the command line name it."""

    number: str  # "05", "A"
    folder: str  # "05_tensor_gradients"
    title: str

    @property
    def file(self) -> Path:
        """Its lesson.py in this checkout."""
        return PACKAGE / self.folder / "lesson.py"

    @property
    def heading(self) -> str:
        """Its title as it reads at the top of the lesson."""
        kind = "Lesson" if self.number.isdigit() else "Appendix"
        return f"{kind} {self.number}: {self.title}"


COURSE = (
    Lesson("01", "01_tensors", "Tensors"),
    Lesson("02", "02_tensor_reshaping", "Reshaping"),
    Lesson("03", "03_tensor_indexing_slicing", "Indexing and Slicing"),
    Lesson("04", "04_tensor_math_operations", "Math and Boolean Operations"),
    Lesson("05", "05_tensor_gradients", "Gradients"),
    Lesson("06", "06_linear_regression", "Linear Regression"),
    Lesson("07", "07_data_management", "Data Management"),
    Lesson("08", "08_data_transforms", "Transforms"),
    Lesson("09", "09_data_splitting_loaders", "Splitting and Loaders"),
    Lesson("10", "10_fashionmnist_nn", "FashionMNIST"),
    Lesson("11", "11_embeddings", "Embeddings"),
    Lesson("12", "12_rnns_lstms", "RNNs and LSTMs"),
    Lesson("13", "13_normalization", "Normalization"),
    Lesson("14", "14_attention_basics", "Attention"),
    Lesson("15", "15_scaled_dot_product_attention", "Scaled Dot-Product Attention"),
    Lesson("16", "16_multi_head_attention", "Multi-Head Attention"),
    Lesson("17", "17_transformer_blocks", "Transformer Blocks"),
    Lesson("18", "18_positional_encoding", "Positional Encoding"),
    Lesson("A", "appendix_a_cnn", "CNN"),
    Lesson("B", "appendix_b_gpu_cuda", "GPU and Memory"),
)


def lesson_of(file: Path) -> Lesson:
    """The lesson that a lesson.py belongs to: in the course, or in a copy such as 01_tensors_old.

    Raises LessonError for a folder whose name says nothing.
    """
    name = file.resolve().parent.name
    for lesson in COURSE:
        if name.startswith(lesson.folder):
            return lesson
    raise LessonError(
        f"Answers in a folder called {name!r} can't be marked, because the marking goes by the "
        f"folder's name: {COURSE[0].folder}, for example."
    )


def after(lesson: Lesson) -> Lesson | None:
    """The lesson that follows, if any."""
    place = COURSE.index(lesson) + 1
    return COURSE[place] if place < len(COURSE) else None
