"""Appendix B: one worked answer to each practice problem."""


def benchmark_training(make_step, devices: list, wait, clock, steps: int) -> dict[str, float]:
    seconds = {}
    for device in devices:
        step = make_step(device)
        step()  # warms up
        wait(device)  # or the slow first step would still be running when the clock starts
        start = clock()
        for _ in range(steps):
            step()  # no wait here: the device gets its next order while it works
        wait(device)  # or you'd measure how long it takes to give orders
        seconds[str(device)] = (clock() - start) / steps
    return seconds


def train_accumulated(model, optimizer, criterion, batches: list, accumulation_steps: int) -> int:
    steps = 0
    for start in range(0, len(batches), accumulation_steps):
        group = batches[start : start + accumulation_steps]  # at the end, perhaps a shorter one
        optimizer.zero_grad()  # before the group, so that old gradients don't count either
        for inputs, targets in group:
            # Divided by how many there are in this group. backward() frees the graph right away,
            # and that is where the memory is saved: adding up losses first would keep all graphs.
            (criterion(model(inputs), targets) / len(group)).backward()
        optimizer.step()
        steps += 1
    return steps


def profile_empty_cache(memory, work) -> dict[str, tuple[int, int]]:
    def read() -> tuple[int, int]:
        return memory.memory_allocated(), memory.memory_reserved()

    found = {"start": read()}
    result = work()  # the name holds on to the tensor
    found["working"] = read()
    del result  # now nothing does, and its memory goes into the cache
    found["freed"] = read()
    memory.empty_cache()
    found["emptied"] = read()
    return found
