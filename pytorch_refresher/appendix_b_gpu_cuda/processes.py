"""Starting a group of processes that talk to each other, and seeing all of them end."""

import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import forkserver, parent_process
from pathlib import Path

from pytorch_refresher._common.console import LessonError

import torch
import torch.distributed as dist

SECONDS = 120  # starting takes 5, on a busy machine 30; nobody should wait longer for a deadlock


def run_processes(
    worker: Callable, *arguments: object, processes: int = 2, seconds: float = SECONDS
) -> list:
    """Run worker(rank, *arguments) in processes of rank 0, 1, ... and return what each returned.

    They are a process group of torch.distributed on this machine alone; a result is whatever
    torch.load(weights_only=True) reads. Raises LessonError if one of them cannot start, fails or
    dies, or if `seconds` pass. No process is left behind, whatever happens.
    """
    if not dist.is_available():
        raise LessonError("This build of PyTorch comes without torch.distributed.")
    end = time.monotonic() + seconds
    context = None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            context, pressed = _start(processes, (worker, processes, seconds, folder, *arguments))
            if pressed:
                raise KeyboardInterrupt
            while not context.join(timeout=0.2):
                if time.monotonic() > end:
                    raise LessonError(f"The processes did not end within {seconds:g} seconds.")
            files = [Path(folder, f"{rank}.pt") for rank in range(processes)]
            return [torch.load(file, weights_only=True) for file in files]
        except (
            OSError,
            EOFError,  # the process that imports PyTorch has died
            torch.multiprocessing.ProcessRaisedException,
            torch.multiprocessing.ProcessExitedException,
        ) as error:
            cause = str(error).strip().splitlines()[-1]
            raise LessonError(f"The processes did not all end well: {cause}.") from None
        finally:
            for process in context.processes if context else []:
                process.kill()  # does nothing to one that has ended
                process.join()


def _start(processes: int, job: tuple):
    """Start the processes; returns them, and whether somebody has pressed Ctrl-C meanwhile.

    Ctrl-C reaches all processes of a terminal. Only this one answers it, once it has started the
    others and can end them. They inherit that it's ignored until they work.
    """
    method, pressed = "spawn", []
    answer = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        if sys.platform == "linux":
            # One process imports PyTorch, which takes seconds, and the others begin as its copies.
            method = "forkserver"
            forkserver.set_forkserver_preload(["torch", "torch._dynamo"])
            forkserver.ensure_running()
            signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
        context = torch.multiprocessing.start_processes(
            _in_group, job, nprocs=processes, join=False, daemon=True, start_method=method
        )
    finally:
        signal.signal(signal.SIGINT, answer)
    return context, pressed


def _in_group(
    rank: int, worker: Callable, processes: int, seconds: float, folder: str, *arguments: object
) -> None:
    """What each process does: join the group, work, leave the result in `folder`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_the_lesson, daemon=True).start()
    torch.set_num_threads(1)
    # Some versions of gloo greet each other on standard output, in any order.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    # All talk through this machine's own address alone, 127.0.0.1, and meet over a file.
    if os.name == "posix":
        names = [name for _, name in socket.if_nameindex()]
        os.environ["GLOO_SOCKET_IFNAME"] = "lo" if "lo" in names else "lo0"
    store = dist.FileStore(f"{folder}/store", processes)
    limit = timedelta(seconds=seconds)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=processes, timeout=limit)
    torch.save(worker(rank, *arguments), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def _end_with_the_lesson() -> None:
    """End this process once the one that has started it is gone, killed perhaps."""
    parent_process().join()
    os._exit(1)
