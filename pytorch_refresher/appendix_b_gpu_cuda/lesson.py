"""Appendix B: GPU and Memory

You rent a GPU, start your training on it, and it's no faster than your laptop. You make the
batch larger to keep it busy, and it stops: out of memory. A GPU is a second computer inside
yours, with a memory of its own. This lesson counts what it waits for and what it has to hold.
It runs on any machine: lines that need a GPU say so, and are skipped where there is none.

    python lesson.py                run the lesson on the CPU, then mark your practice answers
    python lesson.py --device auto  the same on a GPU, if there is one
    python lesson.py --practice     only mark your practice answers
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import (
    lesson_arguments,
    report_practice,
    save_figure,
    section,
    show_error,
)
from pytorch_refresher._common.console import LessonError
from pytorch_refresher._common.device import choose_device
from pytorch_refresher.appendix_b_gpu_cuda.memory import in_memory, kept_for_backward
from pytorch_refresher.appendix_b_gpu_cuda.processes import run_processes

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

SEED = 0
D, HIDDEN, C = 256, 1024, 10  # letters in shapes: B batch, D features, C classes
P = (D + 1) * HIDDEN + (HIDDEN + 1) * HIDDEN + (HIDDEN + 1) * C  # parameters of network()


def which_device(chosen: torch.device) -> None:
    section("Which device, and how to get there")

    # The line that most programs start with. cuda is a GPU by NVIDIA (or by AMD, if PyTorch was
    # built for it), mps one by Apple. "accelerator" means any of them.
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{device = }, {torch.backends.mps.is_available() = }")
    print(f"{torch.accelerator.is_available() = }   this run is on: {chosen.type}")

    x = torch.randn(4, D)  # (B, D)
    print(f"{x.to(chosen).cpu().device = }")  # there, and back again for NumPy and plots
    if chosen.type == "cuda":  # needs a GPU
        print(f"{x.cuda().device = }   the old short form of .to('cuda')")

    # Every machine has a device named "meta". It knows shapes and holds no numbers, so you can
    # practice moving there. A model's .to() moves the model itself. A tensor's .to() does not.
    model = network("cpu")
    model.to("meta")
    x.to("meta")  # makes a new tensor, which nobody uses
    with show_error("model(x)"):  # everybody gets this error on the first day
        model(x)
    print(f"{model(x.to('meta')).shape = }")


def network(device: torch.device | str) -> nn.Module:
    """Three linear layers, (B, D) to logits (B, C), with the same random weights each time."""
    torch.manual_seed(SEED)
    first, second, last = nn.Linear(D, HIDDEN), nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, C)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last).to(device)


def batch(size: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Random inputs, (B, D). A label, (B,), is the place of the largest of the first C features."""
    inputs = torch.randn(size, D)
    return inputs.to(device), inputs[:, :C].argmax(dim=1).to(device)


def what_to_expect(device: torch.device, sizes: tuple[int, ...] = (4, 64, 512)) -> None:
    section("What to expect of a GPU")

    # Operations per second in float32, says NVIDIA's data sheet of each.
    gpus = {"T4": 8.1e12, "A100": 19.5e12}
    # A GPU gets its orders from the CPU, which needs microseconds for each: the documentation of
    # CUDA.jl has 8 small operations in about 50. Ours are 7 forward, 13 backward and 6 updates.
    seconds_for_orders = (7 + 13 + 6) * 50e-6 / 8
    model = network(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    print("batch   measured here", *(f"{name:>7} at best" for name in gpus))
    for size in sizes:
        inputs, labels = batch(size, device)
        times = []
        for _ in range(4):
            start = time.perf_counter()
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
            if device.type != "cpu":  # needs a GPU
                # It takes orders in advance: we get here long before it has done the work.
                torch.accelerator.synchronize()
            times.append(time.perf_counter() - start)
        # Forward takes a multiplication and an addition per parameter and sample, backward twice
        # as many. No step is faster than its arithmetic, or faster than it can be ordered.
        best = [max(6 * P * size / speed, seconds_for_orders) for speed in gpus.values()]
        row = (statistics.median(times[1:]), *best)  # the first step is slow: it loads things
        print(f"{size:>5}", *(f"{seconds * 1e3:>12.3f} ms" for seconds in row))

    if device.type == "cuda":  # needs a GPU: three lines for a loop that trains for hours
        # The next batch is copied while the GPU computes, if it's in pinned memory.
        loader = DataLoader(torch.randn(512, D), batch_size=64, pin_memory=True)
        fast = torch.compile(model)  # fewer and larger operations; the first call takes its time
        for inputs in loader:
            fast(inputs.to(device, non_blocking=True))


def what_memory_goes_into(device: torch.device, sizes: tuple[int, ...] = (64, 1024)) -> dict:
    section("What memory goes into")

    moments = {}
    for B in sizes:
        # Counted: 4 bytes per parameter, as many per gradient, and AdamW keeps two averages of it.
        # A layer's input is kept until backward() has used it, and so are the labels, 8 bytes each.
        counts = (4 * P, 4 * P, 8 * P, 4 * B * (D + HIDDEN + HIDDEN + C) + 8 * B)
        print(f"batch of {B:<5}  parameters   gradients   optimizer activations, in MB")
        print("counted       ", *(f"{count / 1e6:>11.2f}" for count in counts))

        # Measured: what is there at each moment of two training steps.
        model = network(device)
        optimizer = torch.optim.AdamW(model.parameters())
        moments[B] = {}
        with kept_for_backward(model) as kept:
            for number in (1, 2):
                inputs, labels = batch(B, device)
                loss = F.cross_entropy(model(inputs), labels)  # activations come
                moments[B][f"forward {number}"] = in_memory(model, optimizer) + [kept()]
                loss.backward()  # activations go, gradients come
                moments[B][f"backward {number}"] = in_memory(model, optimizer) + [kept()]
                optimizer.step()  # the first one makes room for AdamW's averages
                moments[B][f"step {number}"] = in_memory(model, optimizer) + [kept()]
                optimizer.zero_grad()  # gradients go
        for moment, found in moments[B].items():
            print(f"{moment:<14}", *(f"{each:>11.2f}" for each in found))
    return moments


def out_of_memory(device: torch.device, limit: float = 3.0) -> None:
    section("Out of memory")

    # Ask for far too much, and a device says no. Your program can catch it and go on.
    with show_error("torch.empty(2**60)"):
        torch.empty(2**60, device=device)

    # Remedy 1: a smaller batch. We simulate a device that has 3 MB for activations.
    model = network(device)
    for size in (1024, 512, 256, 128):
        inputs, labels = batch(size, device)
        try:
            with kept_for_backward(model, limit):
                F.cross_entropy(model(inputs), labels).backward()
            print(f"a batch of {size:>4}: fits")
            break
        except torch.OutOfMemoryError as error:
            print(f"a batch of {size:>4}: {type(error).__name__}, {error}")

    # Remedy 2: let go. Here a model is evaluated, and the losses of its batches are added up.
    total = 0.0
    with kept_for_backward(model) as kept:
        for number in (1, 2, 3):
            inputs, labels = batch(256, device)
            loss = F.cross_entropy(model(inputs), labels)
            total += loss.item()  # a number, and not the loss with all that led to it
            print(f"after batch {number}: {kept():.2f} MB kept")

    with kept_for_backward(model) as kept, torch.no_grad():  # remedy 3: nobody calls backward()
        model(inputs)
        print(f"with no_grad(): {kept():.2f} MB kept")

    # What tensors free, PyTorch keeps for the next ones. empty_cache() gives it to other programs.
    if device.type == "cuda":  # needs a GPU
        big = torch.empty(64 * 2**20, device=device)
        print(f"{torch.cuda.memory_allocated() = :,}, {torch.cuda.memory_reserved() = :,}")
        del big  # now less is allocated, but as much reserved
        print(f"{torch.cuda.memory_allocated() = :,}, {torch.cuda.memory_reserved() = :,}")
        torch.cuda.empty_cache()  # and now less is reserved
        print(f"{torch.cuda.memory_allocated() = :,}, {torch.cuda.memory_reserved() = :,}")


def gradients(model: nn.Module) -> Tensor:
    """All gradients of a model, end to end in one vector."""
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def accumulation(device: torch.device, size: int = 256) -> None:
    section("Gradient accumulation: a large batch in small pieces")

    model, criterion = network(device), nn.CrossEntropyLoss()
    inputs, labels = batch(size, device)
    criterion(model(inputs), labels).backward()
    whole = gradients(model)  # what we want to get from pieces, too
    model.zero_grad()

    # backward() adds to .grad (lesson 05), so pieces add up to the large batch. But each loss is a
    # mean over its piece: only divided by their number do they make the mean over all samples.
    accumulation_steps = 4
    dataloader = DataLoader(TensorDataset(inputs, labels), batch_size=size // accumulation_steps)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with kept_for_backward(model) as kept:
        for i, (inputs, labels) in enumerate(dataloader):
            outputs = model(inputs.to(device))
            loss = criterion(outputs, labels.to(device))
            loss = loss / accumulation_steps
            print(f"piece {i + 1}: {len(inputs)} samples, {kept():.2f} MB kept")
            loss.backward()

            if (i + 1) % accumulation_steps == 0:
                ratio = (gradients(model).norm() / whole.norm()).item()
                print(f"{torch.allclose(gradients(model), whole, atol=1e-5) = }, {ratio = :.3f}")
                optimizer.step()
                optimizer.zero_grad()  # and on to the next large batch


def mixed_precision(device: torch.device, small: float = 1e-5) -> None:
    section("Mixed precision: 16 bits where they do no harm")

    # Inside autocast, matrix products compute in 16 bits. Parameters stay float32.
    model, inputs = network(device), batch(1024, device)[0]
    for half in (False, True):  # without autocast, then with it
        with kept_for_backward(model) as kept, torch.autocast(device.type, torch.bfloat16, half):
            outputs = model(inputs)
            print(f"{outputs.dtype}: {kept():.2f} MB kept")

    # bfloat16 spends its bits on range, float16 on digits. Late in training, gradients get small;
    # here, a small factor on the loss makes them so. A GradScaler multiplies the loss by a large
    # number first, so that gradients survive in float16, and divides them by it in float32.
    inputs, labels = batch(16, device)
    optimizer, exact = torch.optim.SGD(model.parameters(), lr=0.0), None
    ways = {"float32": 1.0, "bfloat16": 1.0, "float16": 1.0, "float16, scaled": 2.0**16}
    for way, scale in ways.items():
        dtype = getattr(torch, way.split(",")[0])
        scaler = torch.amp.GradScaler(device.type, init_scale=scale)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            loss = small * F.cross_entropy(model(inputs), labels)
        scaler.scale(loss).backward()  # outside autocast: each operation has its dtype by now
        scaler.unscale_(optimizer)  # not needed for a step; here it's for a look at the gradients
        found = gradients(model)
        exact = found if exact is None else exact
        # Lost: 0, though it isn't 0 in float32. Error: relative to the length of the gradient.
        lost, error = (found[exact != 0] == 0).float().mean(), (found - exact).norm() / exact.norm()
        print(f"{way:<15} from {torch.finfo(dtype).tiny:.0e}: {lost:6.1%} lost, error {error:6.1%}")
        scaler.step(optimizer)  # leaves the step out if a gradient is infinite
        scaler.update()  # and tries a smaller number next time
        optimizer.zero_grad()


def checkpointing(device: torch.device, n: int = 8) -> None:
    section("Activation checkpointing: compute twice, keep less")

    # A checkpointed block keeps only its input, and computes the rest again for backward().
    torch.manual_seed(SEED)
    blocks = (
        nn.Sequential(nn.Linear(D, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, D)) for _ in range(n)
    )
    model, computed, found = nn.Sequential(*blocks).to(device), [], []
    for block in model:  # a 1 into the list whenever a block starts to compute
        block.register_forward_pre_hook(lambda *_: computed.append(1))
    inputs, _ = batch(64, device)
    for checkpointed in (False, True):
        x = inputs
        with kept_for_backward(model) as kept:
            for block in model:
                x = checkpoint(block, x, use_reentrant=False) if checkpointed else block(x)
            print(f"{checkpointed = !s:<5}: {kept():.2f} MB kept", end=", ")
        x.square().sum().backward()  # computes the checkpointed blocks again
        print(f"{len(computed)} blocks computed")
        computed.clear()
        found.append(gradients(model))
        model.zero_grad()
    print(f"{torch.allclose(*found, rtol=1e-4, atol=1e-5) = }")


def half_a_batch(rank: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """What each of two processes runs. Returns its loss, averaged gradients, and its own ones."""
    model = DistributedDataParallel(network("cpu"))  # now all have the parameters of process 0
    inputs, labels = batch(size, "cpu")
    mine = slice(rank * size // 2, (rank + 1) * size // 2)  # in a loader: DistributedSampler
    loss = F.cross_entropy(model(inputs[mine]), labels[mine])
    loss.backward()  # on the way, the gradients are averaged over all processes
    averaged = gradients(model)  # from here, an optimizer takes the same step everywhere
    model.zero_grad()
    with model.no_sync():  # to accumulate: only the last piece need be averaged
        F.cross_entropy(model(inputs[mine]), labels[mine]).backward()
    return loss.detach(), averaged, gradients(model)


def several_devices(size: int = 64, billions: float = 7.5) -> None:
    section("More than one device: a process for each")

    # Two processes share this CPU, so nothing gets faster. The arithmetic is that of two GPUs.
    model = network("cpu")
    inputs, labels = batch(size, "cpu")
    loss = F.cross_entropy(model(inputs), labels)
    loss.backward()
    try:
        (loss_0, averaged_0, own_0), (loss_1, averaged_1, own_1) = run_processes(half_a_batch, size)
        print(f"loss on each half: {loss_0:.4f} and {loss_1:.4f}, on the whole: {loss:.4f}")
        print(f"{torch.equal(averaged_0, averaged_1) = }")
        print(f"{torch.allclose(averaged_0, gradients(model), atol=1e-5) = }")
        print(f"{torch.equal(own_0, own_1) = }   inside no_sync()")
    except LessonError as error:  # on a machine that is too busy, say
        print(f"Two processes: not shown. {error}")

    # DDP divides the batch among N GPUs, and nothing else: each has all parameters, gradients and
    # averages, 4 + 4 + 8 bytes per parameter. FSDP gives each an N-th of these, too.
    for N in (2, 8, 64):
        print(f"{N:>2} GPUs: DDP {16 * billions:.1f} GB on each, FSDP {16 * billions / N:.1f} GB")


# --- Picture


def draw_memory(moments: dict) -> None:
    from pytorch_refresher._common.figures import COLORS

    import matplotlib.pyplot as plt

    if not moments:  # somebody has asked for no batch size at all
        return
    figure = plt.figure(figsize=(4.6 * len(moments), 3.8), layout="constrained")
    panels = figure.subplots(1, len(moments), sharey=True, squeeze=False)[0]
    for axes, (B, history) in zip(panels, moments.items(), strict=True):
        heights = torch.tensor(list(history.values())).T.numpy()  # (4 parts, moments)
        for i, name in enumerate(("parameters", "gradients", "optimizer", "activations")):
            bottom = heights[:i].sum(axis=0)  # each part starts where the last one ends
            axes.bar(list(history), heights[i], bottom=bottom, color=COLORS[i], label=name)
        axes.set(title=f"A batch of {B}", ylabel="MB in memory")
        axes.tick_params(axis="x", rotation=30)
    panels[0].legend(loc="upper left")
    save_figure(figure, "memory")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def benchmark_training(make_step, devices: list, wait, clock, steps: int) -> dict[str, float]:
    """Problem 1 (medium, 15 minutes). Benchmark training on the CPU and, if there is one, on a GPU.

    devices: a list of torch.device. make_step(device) builds a model there and returns a function
    that orders one training step. Its first call is slow: leave it out, then time `steps` calls.
    A call returns before its work is done; wait(device) returns when all of it is. Don't wait
    between the timed calls, or the device would idle while the next step is ordered. clock() is
    the time in seconds. Return a dict from str(device) to the mean seconds per step.
    """
    raise NotImplementedError


def train_accumulated(model, optimizer, criterion, batches: list, accumulation_steps: int) -> int:
    """Problem 2 (medium, 10 minutes). Implement gradient accumulation, to simulate a larger batch.

    batches: a list of pairs, inputs and targets, all with the same B. The optimizer steps once per
    `accumulation_steps` of them, as if they had been one batch; what is left over at the end is a
    smaller batch, with a step of its own. criterion(outputs, targets) is a mean over samples. What
    .grad holds at the start must not count. Never have the graphs of two batches in memory.
    Train the model in place and return the number of steps.
    """
    raise NotImplementedError


def profile_empty_cache(memory, work: Callable) -> dict[str, tuple[int, int]]:
    """Problem 3 (easy, 10 minutes). Profile memory before and after empty_cache().

    memory has the functions memory_allocated(), memory_reserved() and empty_cache(), as torch.cuda
    has. work() allocates memory and returns a tensor that holds it. Call it once, and empty_cache()
    once. Return a dict of four pairs (allocated, reserved): "start"; "working", with the result of
    work() alive; "freed", once nothing refers to it; "emptied", after empty_cache().
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, device=True)
    device = choose_device(arguments.device)
    if not arguments.practice:
        which_device(device)
        what_to_expect(device)
        draw_memory(what_memory_goes_into(device))
        out_of_memory(device)
        accumulation(device)
        mixed_precision(device)
        checkpointing(device)
        several_devices()
    report_practice(__file__)


if __name__ == "__main__":
    main()
