"""Which device a lesson computes on."""

from pytorch_refresher._common.console import LessonError

import torch


def choose_device(name: str) -> torch.device:
    """The device that --device names; "auto" takes an accelerator where there is one.

    Raises LessonError for a device that this machine, or this build of PyTorch, does not have.
    """
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    names = [accelerator.type, "cpu"] if accelerator else ["cpu"]
    name = names[0] if name == "auto" else name
    if name not in names:
        raise LessonError(
            f"PyTorch {torch.__version__} finds no device '{name}' here; it finds: {', '.join(names)}."
        )
    return torch.device(name)
