"""Which device a lesson computes on."""

from pytorch_refresher._common.console import LessonError

import torch


def choose_device(name: str) -> torch.device:
    """The device that --device names; "auto" takes an accelerator where there is one.

    Raises LessonError for a device that this machine, or this build of PyTorch, does not have.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "xpu": torch.xpu.is_available(),
        "cpu": True,
    }
    names = [candidate for candidate, is_there in available.items() if is_there]
    name = names[0] if name == "auto" else name
    if name not in names:
        raise LessonError(
            f"PyTorch {torch.__version__} finds no device '{name}' here; it finds: {', '.join(names)}."
        )
    return torch.device(name)
