"""Appendix B: GPU and Memory

A GPU mostly computes faster than a CPU, and has less memory. This lesson moves models to
whatever device is there, counts what their memory goes into, and shows ways to need less of
it, each checked against the plain way. It prints only what this machine has done.

    python lesson.py                the whole lesson on the CPU, then your practice report
    python lesson.py --device auto  the same on a GPU, where there is one
    python lesson.py --practice     the practice report alone
"""

import os
import signal
import socket
import statistics
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._common.console import LessonError
from pytorch_refresher._common.device import choose_device

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

# Shapes are written in comments with these letters throughout the lesson:
#   B batch   D features   C classes

D, HIDDEN, C = 256, 1024, 10
SECONDS = 18  # the two processes of the last section get no more


def network() -> nn.Module:
    """Three linear layers: (B, D) to logits (B, C)."""
    return nn.Sequential(
        nn.Linear(D, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, C)
    )


def batch(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Random inputs (B, D); the label, (B,), is the place of the largest of the first C features."""
    inputs = torch.randn(size, D)
    return inputs.to(device), inputs[:, :C].argmax(dim=1).to(device)


def megabytes(count: float) -> str:
    return f"{count / 1e6:.2f} MB"


def wait_for(device: torch.device) -> None:
    """Return when the device has done all that it was told to."""
    if device.type != "cpu":
        torch.accelerator.synchronize()


def memory_of(device: torch.device):
    """What counts a device's memory: memory_allocated(), memory_reserved(), empty_cache().

    None for the CPU: PyTorch takes its memory from the operating system and keeps no count.
    """
    if device.type == "cpu":
        return None
    module = torch.get_device_module(device)
    if device.type == "mps":  # the same three under other names
        return SimpleNamespace(
            memory_allocated=module.current_allocated_memory,
            memory_reserved=module.driver_allocated_memory,
            empty_cache=module.empty_cache,
        )
    return module


@contextmanager
def kept_for_backward(model: nn.Module, limit: float = float("inf")) -> Iterator[Callable]:
    """Count the bytes of activations that autograd keeps; yields a function that says how many.

    A tensor that is kept twice counts once, the model's parameters not at all. Stands in for a
    small device too: past `limit` bytes it raises torch.OutOfMemoryError, as a full device does.
    """
    sizes = {}
    parameters = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            sizes[storage.data_ptr()] = storage.nbytes()
        if sum(sizes.values()) > limit:
            raise torch.OutOfMemoryError(f"more than the {limit:,} bytes of a pretended device")
        return tensor

    # autograd calls the first function on each tensor that it keeps, the second on its return.
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield lambda: sum(sizes.values())


def gradients(model: nn.Module) -> Tensor:
    """All gradients of a model, end to end in one vector."""
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def devices(chosen: torch.device) -> None:
    section("Which device, and how to get there")

    # cuda is a GPU by NVIDIA (or AMD, in PyTorch for ROCm), mps one by Apple, xpu one by Intel.
    print(f"{torch.cuda.is_available() = }")
    print(f"{torch.backends.mps.is_available() = }")
    print(f"{torch.xpu.is_available() = }")
    print(f"{torch.accelerator.is_available() = }   any of them")

    # The line that most programs start with, and its like for every kind of accelerator.
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{device = }")
    if torch.accelerator.is_available():
        print(f"{torch.accelerator.current_accelerator() = }")
    device = chosen
    print(f"This run computes on {device.type}. --device auto takes an accelerator if it can.")

    # A tensor's .to() returns a tensor on the device, the same one if it is there already.
    x = torch.randn(4, D)  # (B, D)
    there = x.to(device)
    assert (there is x) == (device.type == "cpu")
    assert there.cpu().device.type == "cpu"  # back again: NumPy and matplotlib read only the CPU's

    # "meta" is a device on every machine: it knows shapes and dtypes, and computes no numbers.
    ghost = x.to("meta")
    print(f"{x.device.type = }, {ghost.device.type = }, {ghost.shape = }")

    # A module's .to() moves the module itself, parameters and buffers.
    model = network()
    same = model.to("meta")
    print(f"{same is model = }, {next(model.parameters()).device.type = }")
    print(f"{model(ghost).shape = }   the shape alone, at no cost")

    # Both sides of an operation must be on one device. This is the mistake everybody makes:
    try:
        model(x)
    except RuntimeError as error:
        print(f"model(x), the model on one device and x on another: {type(error).__name__}")
    else:
        raise AssertionError("a model took a tensor from another device")


def speed(device: torch.device) -> None:
    section("How fast: warm up, wait, take the median")

    # An accelerator gets its orders in advance: a call returns before the work is done. Read
    # the clock without waiting, and you have measured how fast orders are given.
    def seconds(step: Callable, on: torch.device) -> float:
        step()  # the first call pays for loading and choosing algorithms
        wait_for(on)
        times = []
        for _ in range(5):
            start = time.perf_counter()
            step()
            wait_for(on)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    # The same training step at three batch sizes, on the CPU and where else this run computes.
    print("device   batch   ms a step   samples a second")
    for name in dict.fromkeys(["cpu", device.type]):
        on = torch.device(name)
        model = network().to(on)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for size in (4, 64, 512):
            inputs, labels = batch(size, on)

            def step(model=model, optimizer=optimizer, inputs=inputs, labels=labels) -> None:
                optimizer.zero_grad()
                F.cross_entropy(model(inputs), labels).backward()
                optimizer.step()

            took = seconds(step, on)
            print(f"{name:<6} {size:>7} {took * 1e3:>11.3f} {size / took:>18.1f}")


def what_memory_goes_into(device: torch.device) -> None:
    section("What memory goes into")
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE, SKY

    import matplotlib.pyplot as plt

    # Counted first. A float32 takes 4 bytes.
    parameters = (D + 1) * HIDDEN + (HIDDEN + 1) * HIDDEN + (HIDDEN + 1) * C
    print(f"{parameters = :,}")
    fixed = {
        "parameters": 4 * parameters,
        "gradients": 4 * parameters,  # one for each parameter
        "Adam's state": 2 * 4 * parameters,  # two running averages for each parameter
    }

    # A layer's inputs are kept until the backward pass has used them. Here: the outputs of both
    # ReLUs, and the logarithms of the probabilities. The batch itself is counted apart.
    def activations(size: int) -> int:
        return 4 * size * (HIDDEN + HIDDEN + C)

    # Then measured, at batch sizes that grow.
    sizes, measured = (16, 64, 256, 1024, 4096), []
    memory = memory_of(device)
    for size in sizes:
        before = memory.memory_allocated() if memory else 0
        model = network().to(device)
        optimizer = torch.optim.Adam(model.parameters())
        inputs, labels = batch(size, device)
        with kept_for_backward(model) as kept:
            loss = F.cross_entropy(model(inputs), labels)
            # kept() sees the batch too, and a few bytes: the labels, and the sum of weights.
            grown = kept() - inputs.nbytes
        at_peak = memory.memory_allocated() - before if memory else 0
        loss.backward()
        optimizer.step()
        tensors = [tensor for state in optimizer.state.values() for tensor in state.values()]
        found = {
            "parameters": sum(parameter.nbytes for parameter in model.parameters()),
            "gradients": sum(parameter.grad.nbytes for parameter in model.parameters()),
            "Adam's state": sum(tensor.nbytes for tensor in tensors),
            "activations": grown,
        }
        measured.append(sum(found.values()))
        counted = fixed | {"activations": activations(size)}
        if size == 256:
            print(f"{'batch of 256':<12}     counted    measured")
            for name, count in counted.items():
                print(f"{name:<12} {megabytes(count):>11} {megabytes(found[name]):>11}")
        for name, count in counted.items():
            assert abs(found[name] - count) < 100 + 0.01 * count, (name, count, found[name])
        if memory:
            print(
                f"batch {size:>4}: {megabytes(at_peak)} by the device's own count, before backward"
            )

    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    bottom, places = [0.0] * len(sizes), range(len(sizes))
    parts = {name: [count] * len(sizes) for name, count in fixed.items()}
    parts["activations"] = [activations(size) for size in sizes]
    for (name, counts), color in zip(parts.items(), (BLUE, SKY, GREEN, ORANGE), strict=True):
        heights = [count / 1e6 for count in counts]
        axis.bar(places, heights, bottom=bottom, color=color, label=f"{name}, counted")
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axis.plot(places, [total / 1e6 for total in measured], "kD", label="all, measured")
    axis.set(xticks=places, xticklabels=sizes, xlabel="batch size", ylabel="memory in MB")
    axis.set_title("Only the activations grow with the batch")
    axis.legend()
    save_figure(figure, "memory")


def largest_batch(step: Callable[[int], object], size: int, make_room: Callable) -> int:
    """Halve the batch `size` until step(size) fits into memory; returns the size that did."""
    while True:
        try:
            step(size)
            return size
        except RuntimeError as error:
            # Most accelerators raise torch.OutOfMemoryError, mps a RuntimeError with these words.
            full = isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error)
            if not full or size == 1:
                raise  # another error; or no smaller batch is left: the model itself is too large
        # Outside of `except`: inside, the error still holds on to the tensors of the failed step.
        print(f"a batch of {size:>4} does not fit")
        size //= 2
        make_room()


def out_of_memory(device: torch.device) -> None:
    section("Out of memory")

    # Asked for 4 exbibytes, a device says no at once, and nothing is lost. CUDA raises
    # torch.OutOfMemoryError, which is a RuntimeError; the CPU raises a RuntimeError alone.
    try:
        torch.empty(2**60, device=device)
    except RuntimeError as error:
        print(f"{type(error).__name__}:")
        print(textwrap.fill(str(error).splitlines()[0], 96))
    else:
        raise AssertionError("4 exbibytes were given")
    assert issubclass(torch.OutOfMemoryError, RuntimeError)

    # The remedy that always comes first: a smaller batch. The device that is too small is
    # pretended (see kept_for_backward), the forward pass and its error are not.
    model = network().to(device)

    def step(size: int) -> None:
        inputs, labels = batch(size, device)
        with kept_for_backward(model, limit=4_000_000):
            F.cross_entropy(model(inputs), labels).backward()

    memory = memory_of(device)
    size = largest_batch(step, 1024, memory.empty_cache if memory else lambda: None)
    print(f"a batch of {size:>4} fits")
    assert size == 256

    # The next remedy costs nothing: where no gradient is wanted, let autograd keep nothing.
    inputs, _ = batch(1024, device)
    with kept_for_backward(model) as kept:
        model(inputs)
        print(f"kept by a forward pass:  {megabytes(kept())}")
    with kept_for_backward(model) as kept, torch.no_grad():
        model(inputs)
        print(f"the same with no_grad(): {megabytes(kept())}")
    assert kept() == 0
    show_cache(device, memory)


def show_cache(device: torch.device, memory) -> None:
    """What the device's allocator keeps of freed memory. `memory`: see memory_of."""
    if memory is None:
        print("The cache of an accelerator: not run, as this run computes on the CPU.")
        return
    print("after            allocated    reserved")

    def report(what: str) -> None:
        counts = memory.memory_allocated(), memory.memory_reserved()
        print(f"{what:<12} {megabytes(counts[0]):>11} {megabytes(counts[1]):>11}")

    memory.empty_cache()
    report("the start")
    tensor = torch.empty(64 * 2**20, dtype=torch.uint8, device=device)
    report("64 MiB more")
    # The tensor goes, and its memory stays reserved: the next tensor gets it without asking.
    del tensor
    report("del")
    # Now other programs may have it. It gives back nothing that a tensor still holds.
    memory.empty_cache()
    report("empty_cache")


def accumulation(device: torch.device) -> None:
    section("Gradient accumulation: a large batch in small pieces")

    # The large batch, in one piece:
    inputs, labels = batch(256, device)
    model = network().to(device)
    criterion = nn.CrossEntropyLoss()
    with kept_for_backward(model) as kept:
        criterion(model(inputs), labels).backward()
    whole, whole_bytes = gradients(model), kept()
    model.zero_grad()

    # backward() adds to .grad. So four pieces, one after the other, add up to the large batch,
    # if each counts for a quarter: the loss is a mean over 64 samples, and should be over 256.
    dataloader = DataLoader(TensorDataset(inputs, labels), batch_size=64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.register_step_pre_hook(lambda *_: pieces.append(gradients(model)))
    pieces = []  # the gradients at each step of the optimizer
    accumulation_steps = 4
    for i, (inputs, labels) in enumerate(dataloader):
        outputs = model(inputs.to(device))
        loss = criterion(outputs, labels.to(device))
        loss = loss / accumulation_steps
        loss.backward()

        if (i + 1) % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()

    print(f"steps of the optimizer: {len(pieces)}")
    torch.testing.assert_close(pieces[0], whole, rtol=1e-4, atol=1e-5)
    print("The gradients of 4 batches of 64 are those of one batch of 256: yes")
    with kept_for_backward(model) as kept:
        criterion(model(inputs), labels)
    print(f"kept for backward: {megabytes(whole_bytes)} at once, {megabytes(kept())} in pieces")
    assert kept() < whole_bytes / 3.9


def mixed_precision(device: torch.device) -> None:
    section("Mixed precision: half the bytes where it does no harm")

    # float16 and bfloat16 both take 2 bytes. bfloat16 keeps the range of float32 and fewer digits.
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        limits = torch.finfo(dtype)
        print(f"{str(dtype):<15} largest {limits.max:.1e}  next after 1: {1 + limits.eps:.7f}")

    # autocast lets matrix products compute in bfloat16 and keeps what needs digits in float32.
    inputs, labels = batch(1024, device)
    found = {}
    for name, enabled in (("float32", False), ("bfloat16", True)):
        torch.manual_seed(0)
        model = network().to(device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        for _ in range(5):
            optimizer.zero_grad()
            with (
                kept_for_backward(model) as kept,
                torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled),
            ):
                logits = model(inputs)
                loss = F.cross_entropy(logits, labels)
            loss.backward()  # outside: each operation goes back in the dtype it went forward in
            optimizer.step()
        found[name] = (loss.item(), kept())
        print(f"{name}: loss {loss.item():.3f}, kept for backward {megabytes(kept())}")
        print(f"    {logits.dtype = }, {loss.dtype = }, {model[0].weight.grad.dtype = }")
    assert abs(found["float32"][0] - found["bfloat16"][0]) < 0.05
    assert found["bfloat16"][1] < 0.75 * found["float32"][1]

    # float16 has a smaller range: small gradients become 0. A GradScaler multiplies the loss
    # first, and divides the gradients before the step. With bfloat16 you do not need it.
    small = torch.tensor(1e-8)
    scale = 2.0**16
    print(f"{small.half().item() = :.1e}, {(small * scale).half().item() / scale = :.1e}")
    parameter = nn.Parameter(torch.ones(3, device=device))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scaler = torch.amp.GradScaler(device.type, init_scale=scale)
    scaler.scale(parameter.sum()).backward()
    assert parameter.grad[0] == scale
    scaler.step(optimizer)  # unscales; leaves the step out if a gradient is infinite
    scaler.update()  # then a smaller scale is next
    torch.testing.assert_close(parameter.detach(), torch.zeros(3, device=device))


def checkpointing(device: torch.device) -> None:
    section("Activation checkpointing: compute twice, keep less")

    # Eight blocks of four layers. A checkpointed block keeps its input alone, and computes the
    # rest again when the backward pass comes by.
    layers = [layer for _ in range(32) for layer in (nn.Linear(D, D), nn.ReLU())]
    blocks = nn.Sequential(*(nn.Sequential(*layers[i : i + 8]) for i in range(0, 64, 8))).to(device)
    started = []  # a 1 for each time that a block starts to compute
    for block in blocks:
        block.register_forward_pre_hook(lambda *_: started.append(1))
    inputs, _ = batch(1024, device)

    found = {}
    for name in ("plain", "checkpointed"):
        started.clear()
        blocks.zero_grad()
        x = inputs
        with kept_for_backward(blocks) as kept:
            for block in blocks:
                if name == "checkpointed":
                    x = checkpoint(block, x, use_reentrant=False)
                else:
                    x = block(x)
        x.square().sum().backward()
        found[name] = (kept(), len(started), gradients(blocks))
        print(f"{name:<12} kept {megabytes(kept())}, blocks computed: {len(started)}")
    torch.testing.assert_close(found["checkpointed"][2], found["plain"][2], rtol=1e-4, atol=1e-5)
    print("The gradients are the same: yes")
    assert found["checkpointed"][0] < found["plain"][0] / 3
    assert (found["plain"][1], found["checkpointed"][1]) == (8, 16)


def half_a_batch(rank: int, folder: str) -> None:
    """What each of the two processes does; it saves its gradients in `folder`."""
    torch.set_num_threads(1)
    # Some versions of gloo greet each other on standard output, in any order.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    # Both talk through this machine's own address alone, 127.0.0.1, and meet over a file.
    if os.name == "posix":
        names = [name for _, name in socket.if_nameindex()]
        os.environ["GLOO_SOCKET_IFNAME"] = "lo" if "lo" in names else "lo0"
    store = dist.FileStore(f"{folder}/store", 2)
    limit = timedelta(seconds=SECONDS)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=limit)

    torch.manual_seed(0)
    inputs, labels = batch(64, torch.device("cpu"))
    model = DistributedDataParallel(network())  # the parameters of process 0 go to all
    mine = slice(rank * 32, (rank + 1) * 32)
    loss = F.cross_entropy(model(inputs[mine]), labels[mine])
    loss.backward()  # averages the gradients over the processes, while it still computes others
    torch.save({"gradients": gradients(model), "loss": loss.item()}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def end_at_a_signal(rank: int, worker: Callable, *arguments: object) -> None:
    """Run worker(rank, *arguments) in a process that an interrupt ends without a traceback."""
    # PyTorch also sends this signal to a process whose parent has died: it must not be ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    worker(rank, *arguments)


def run_processes(worker: Callable, *arguments: object, seconds: float = SECONDS) -> None:
    """Run worker(rank, *arguments) in two processes, rank 0 and 1, and see both of them end.

    Raises LessonError if one of them fails or dies, or if `seconds` pass.
    """
    end = time.monotonic() + seconds
    spawn = torch.multiprocessing.spawn
    # Ctrl-C reaches all processes of a terminal. The two ignore it while they start; this one
    # answers it and ends them.
    answer = signal.signal(signal.SIGINT, signal.SIG_IGN)
    context = spawn(end_at_a_signal, (worker, *arguments), nprocs=2, join=False, daemon=True)
    signal.signal(signal.SIGINT, answer)
    try:
        while not context.join(timeout=0.2):
            if time.monotonic() > end:
                raise LessonError(f"The two processes did not end within {seconds} seconds.")
    except (
        torch.multiprocessing.ProcessRaisedException,
        torch.multiprocessing.ProcessExitedException,
    ) as error:
        cause = str(error).strip().splitlines()[-1]
        raise LessonError(f"The two processes did not both end well: {cause}.") from None
    finally:
        for process in context.processes:
            process.kill()  # does nothing to one that has ended
            process.join()


def two_processes() -> None:
    section("More than one device: a process for each")

    # DistributedDataParallel gives each process a copy of the model and a part of the batch. Here
    # two processes share this CPU, so nothing gets faster; the arithmetic is that of many GPUs.
    if not dist.is_available():
        print("Not run: this build of PyTorch comes without torch.distributed.")
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            run_processes(half_a_batch, folder)
        except LessonError as error:
            print(f"Not shown. {error}")
            return
        first, second = (
            torch.load(Path(folder, f"{rank}.pt"), weights_only=True) for rank in (0, 1)
        )
    print(f"loss on each half: {first['loss']:.4f}, {second['loss']:.4f}")

    # One process with the whole batch:
    torch.manual_seed(0)
    inputs, labels = batch(64, torch.device("cpu"))
    model = network()
    loss = F.cross_entropy(model(inputs), labels)
    loss.backward()
    print(f"loss on the whole: {loss.item():.4f}")
    assert torch.equal(first["gradients"], second["gradients"])
    torch.testing.assert_close(first["gradients"], gradients(model), rtol=1e-4, atol=1e-5)
    print("Both processes hold the gradients of the whole batch: yes")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def benchmark_training(
    make_step: Callable, devices: list, wait: Callable, clock: Callable, steps: int
) -> dict[str, float]:
    """Problem 1. Benchmark training speed on the CPU and, if there is one, on a GPU.

    devices: a list of torch.device. For each, make_step(device) builds a model there and returns
    a function without arguments that orders one step of training. The first step is slow: run
    it once without timing it. Then time `steps` further ones. clock() is the time in seconds.
    An order returns before its work is done: wait(device) returns when all of it is.
    Return a dict from the name of each device, str(device), to the mean seconds of a step.

    On your machine: wait_for for wait and time.perf_counter for clock.
    """
    raise NotImplementedError


def train_accumulated(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: Callable,
    batches: list[tuple[Tensor, Tensor]],
    accumulation_steps: int,
) -> int:
    """Problem 2. Implement gradient accumulation, to simulate a larger batch.

    batches: pairs of inputs (B, D) and targets, all of the same size B. Let the optimizer step
    once for every `accumulation_steps` of them, as if they had been one batch. If some are left
    at the end, they make a smaller batch and one more step. criterion(outputs, targets) is a
    mean over samples. What .grad holds at the start must not count. Train the model in place
    and return how many steps the optimizer took.
    """
    raise NotImplementedError


def profile_empty_cache(memory, work: Callable) -> dict[str, tuple[int, int]]:
    """Problem 3. Profile memory before and after empty_cache(), as torch.cuda counts it.

    memory has the functions memory_allocated(), memory_reserved() and empty_cache(); torch.cuda
    is such a thing. work() allocates memory and returns a tensor that holds on to it. Return a
    dict of four pairs (allocated, reserved): "start"; "working", with the result of work()
    alive; "freed", once nothing refers to it anymore; "emptied", after empty_cache().
    Call work() once, and empty_cache() once.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, device=True)
    device = choose_device(arguments.device)
    if not arguments.practice:
        devices(device)
        speed(device)
        what_memory_goes_into(device)
        out_of_memory(device)
        accumulation(device)
        mixed_precision(device)
        checkpointing(device)
        two_processes()
    report_practice(__file__)


if __name__ == "__main__":
    main()
