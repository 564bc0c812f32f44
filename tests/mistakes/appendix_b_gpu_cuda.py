"""Answers to the problems of appendix B: wrong ones with a piece of their hint, and right ones."""

from itertools import islice

import torch


def timed(make_step, device, wait, clock, steps):
    step = make_step(device)
    step()
    wait(device)
    start = clock()
    for _ in range(steps):
        step()
    wait(device)
    return clock() - start


def never_waits(make_step, devices, wait, clock, steps):
    return benchmark_without_waiting(make_step, devices, lambda device: None, clock, steps)


def benchmark_without_waiting(make_step, devices, wait, clock, steps):
    return {str(d): timed(make_step, d, wait, clock, steps) / steps for d in devices}


def waits_at_the_end_only(make_step, devices, wait, clock, steps):
    seconds = {}
    for device in devices:
        step = make_step(device)
        step()
        start = clock()
        for _ in range(steps):
            step()
        wait(device)
        seconds[str(device)] = (clock() - start) / steps
    return seconds


def waits_every_time(make_step, devices, wait, clock, steps):
    seconds = {}
    for device in devices:
        step = make_step(device)
        step()
        wait(device)
        start = clock()
        for _ in range(steps):
            step()
            wait(device)
        seconds[str(device)] = (clock() - start) / steps
    return seconds


def devices_for_keys(make_step, devices, wait, clock, steps):
    return {d: timed(make_step, d, wait, clock, steps) / steps for d in devices}


def devices_used_up(make_step, devices, wait, clock, steps):
    seconds = {}
    while devices:
        seconds |= in_one_expression(make_step, [devices.pop(0)], wait, clock, steps)
    return seconds


def in_one_expression(make_step, devices, wait, clock, steps):
    return {f"{d}": timed(make_step, d, wait, clock, steps) / steps for d in devices}


def all_built_first(make_step, devices, wait, clock, steps):
    ready = [(device, make_step(device)) for device in devices]
    result = dict.fromkeys(map(str, devices), 0.0)
    for device, step in ready:
        step()
        wait(device)
        begin, left = clock(), steps
        while left:
            step()
            left -= 1
        if device.type != "cpu":  # the CPU's work is done when the call returns
            wait(device)
        result[str(device)] += (clock() - begin) / steps
    return result


def rest_divided_by_too_many(model, optimizer, criterion, batches, accumulation_steps):
    optimizer.zero_grad()
    steps = 0
    for i, (inputs, targets) in enumerate(batches, start=1):
        (criterion(model(inputs), targets) / accumulation_steps).backward()
        if i % accumulation_steps == 0 or i == len(batches):
            optimizer.step()
            optimizer.zero_grad()
            steps += 1
    return steps


def rest_forgotten(model, optimizer, criterion, batches, accumulation_steps):
    optimizer.zero_grad()
    steps = 0
    for i, (inputs, targets) in enumerate(batches, start=1):
        (criterion(model(inputs), targets) / accumulation_steps).backward()
        if i % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()
            steps += 1
    return steps


def one_graph_for_all(model, optimizer, criterion, batches, accumulation_steps):
    steps = 0
    for start in range(0, len(batches), accumulation_steps):
        group = batches[start : start + accumulation_steps]
        optimizer.zero_grad()
        losses = [criterion(model(inputs), targets) for inputs, targets in group]
        torch.stack(losses).mean().backward()
        optimizer.step()
        steps += 1
    return steps


def batches_used_up(model, optimizer, criterion, batches, accumulation_steps):
    steps = 0
    while batches:
        optimizer.zero_grad()
        pieces = min(accumulation_steps, len(batches))
        for _ in range(pieces):
            inputs, targets = batches.pop(0)
            (criterion(model(inputs), targets) / pieces).backward()
        optimizer.step()
        steps += 1
    return steps


def old_gradients_count(model, optimizer, criterion, batches, accumulation_steps):
    steps = 0
    for start in range(0, len(batches), accumulation_steps):
        group = batches[start : start + accumulation_steps]
        for inputs, targets in group:
            (criterion(model(inputs), targets) / len(group)).backward()
        optimizer.step()
        optimizer.zero_grad()
        steps += 1
    return steps


def scaled_afterwards(model, optimizer, criterion, batches, accumulation_steps):
    optimizer.zero_grad()
    steps = waiting = 0
    for i, (inputs, targets) in enumerate(batches):
        criterion(model(inputs), targets).backward()
        waiting += 1
        if waiting == accumulation_steps or i == len(batches) - 1:
            for parameter in model.parameters():
                parameter.grad /= waiting
            optimizer.step()
            optimizer.zero_grad()
            steps, waiting = steps + 1, 0
    return steps


def with_autograd_grad(model, optimizer, criterion, batches, accumulation_steps):
    parameters, steps, rest = list(model.parameters()), 0, iter(batches)
    while group := list(islice(rest, accumulation_steps)):
        sums = [torch.zeros_like(parameter) for parameter in parameters]
        for inputs, targets in group:
            loss = criterion(model(inputs), targets)
            for total, one in zip(sums, torch.autograd.grad(loss, parameters), strict=True):
                total += one
        for parameter, total in zip(parameters, sums, strict=True):
            parameter.grad = total / len(group)
        optimizer.step()
        steps += 1
    return steps


def pair(memory):
    return memory.memory_allocated(), memory.memory_reserved()


def result_still_there(memory, work):
    start = pair(memory)
    result = work()
    found = {"start": start, "working": pair(memory), "freed": pair(memory)}
    del result
    memory.empty_cache()
    return found | {"emptied": pair(memory)}


def result_not_kept(memory, work):
    start = pair(memory)
    work()
    working = freed = pair(memory)
    memory.empty_cache()
    return {"start": start, "working": working, "freed": freed, "emptied": pair(memory)}


def emptied_before_del(memory, work):
    start = pair(memory)
    result = work()
    working = pair(memory)
    memory.empty_cache()
    del result
    freed = pair(memory)
    return {"start": start, "working": working, "freed": freed, "emptied": pair(memory)}


def a_dict_that_grows(memory, work):
    found = {}

    def note(name):
        found[name] = [memory.memory_allocated(), memory.memory_reserved()]

    note("start")
    kept = [work()]
    note("working")
    kept.clear()
    note("freed")
    memory.empty_cache()
    note("emptied")
    return found


def an_inner_function_holds_it(memory, work):
    def working():
        tensor = work()
        assert tensor is not None
        return pair(memory)

    actions = {
        "start": lambda: pair(memory),
        "working": working,
        "freed": lambda: pair(memory),
        "emptied": lambda: (memory.empty_cache(), *pair(memory))[1:],
    }
    return {name: action() for name, action in actions.items()}


MISTAKES = {
    "benchmark_training": [
        (never_waits, "before the work is done"),
        (waits_at_the_end_only, "still running when the clock starts"),
        (waits_every_time, "you wait after every step"),
        (devices_for_keys, "use their names"),
        (devices_used_up, "the caller's list"),
    ],
    "train_accumulated": [
        (rest_divided_by_too_many, "divide their losses by how many there are"),
        (rest_forgotten, "take part in no step"),
        (old_gradients_count, "what .grad held at the start"),
        (one_graph_for_all, "graphs are in memory at once"),
        (batches_used_up, "the caller's list"),
    ],
    "profile_empty_cache": [
        (result_still_there, "is still referred to"),
        (result_not_kept, "keep that in a variable"),
        (emptied_before_del, "that much stays reserved"),
    ],
}

ALSO_RIGHT = {
    "benchmark_training": [in_one_expression, all_built_first],
    "train_accumulated": [scaled_afterwards, with_autograd_grad],
    "profile_empty_cache": [a_dict_that_grows, an_inner_function_holds_it],
}
