"""Measuring, on any device, what training keeps in memory."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def kept_for_backward(
    model: nn.Module, limit: float = float("inf")
) -> Iterator[Callable[[], float]]:
    """Yields a function that returns how many MB autograd keeps for backward() right now.

    A tensor that is kept twice counts once, and the model's parameters don't count, as they are
    there anyway. `limit` simulates a device that is too small: past so many MB comes the error
    that a full GPU raises.
    """
    parameters = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept = []  # weak references, which keep nothing alive

    def now() -> float:
        alive = [tensor.untyped_storage() for each in kept if (tensor := each()) is not None]
        return sum({storage.data_ptr(): storage.nbytes() for storage in alive}.values()) / 1e6

    def keep(tensor: Tensor) -> Tensor:
        # Detached, or a tensor that its own graph keeps would keep that graph alive for ever.
        saved = tensor.detach()
        if tensor.untyped_storage().data_ptr() not in parameters:
            kept.append(weakref.ref(saved))
        if now() > limit:
            raise torch.OutOfMemoryError(f"simulated: more than {limit:g} MB for activations")
        return saved

    # autograd calls the first function on each tensor it keeps, and the second to get it back.
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
        yield now


def in_memory(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[float]:
    """MB in parameters, gradients and the optimizer's state."""
    parameters = list(model.parameters())
    gradients = [each.grad for each in parameters if each.grad is not None]
    state = [tensor for each in optimizer.state.values() for tensor in each.values()]
    return [sum(tensor.nbytes for tensor in part) / 1e6 for part in (parameters, gradients, state)]
