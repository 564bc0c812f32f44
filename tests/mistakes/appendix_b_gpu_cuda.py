"""Wrong answers to the problems of appendix B, and a piece of the hint that each must get."""

import statistics
from itertools import islice

import torch

# Problem 1


def first_step_timed(make_step, devices, wait, clock, steps):
    seconds = {}
    for device in devices:
        step = make_step(device)
        start = clock()
        for _ in range(steps + 1):
            step()
        wait(device)
        seconds[str(device)] = (clock() - start) / (steps + 1)
    return seconds


def never_waits(make_step, devices, wait, clock, steps):
    seconds = {}
    for device in devices:
        step = make_step(device)
        step()
        start = clock()
        for _ in range(steps):
            step()
        seconds[str(device)] = (clock() - start) / steps
    return seconds


def waits_at_the_start_only(make_step, devices, wait, clock, steps):
    seconds = {}
    for device in devices:
        step = make_step(device)
        step()
        wait(device)
        start = clock()
        for _ in range(steps):
            step()
        seconds[str(device)] = (clock() - start) / steps
    return seconds


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


def each_step(make_step, device, wait, clock, steps):
    step = make_step(device)
    step()
    wait(device)
    times = []
    for _ in range(steps):
        start = clock()
        step()
        wait(device)
        times.append(clock() - start)
    return times


def the_sum(make_step, devices, wait, clock, steps):
    return {str(d): sum(each_step(make_step, d, wait, clock, steps)) for d in devices}


def the_fastest(make_step, devices, wait, clock, steps):
    return {str(d): min(each_step(make_step, d, wait, clock, steps)) for d in devices}


def steps_a_second(make_step, devices, wait, clock, steps):
    return {str(d): steps / sum(each_step(make_step, d, wait, clock, steps)) for d in devices}


def devices_for_keys(make_step, devices, wait, clock, steps):
    return {d: statistics.mean(each_step(make_step, d, wait, clock, steps)) for d in devices}


def the_first_device_alone(make_step, devices, wait, clock, steps):
    return the_mean_of_each(make_step, devices[:1], wait, clock, steps)


def all_times(make_step, devices, wait, clock, steps):
    return {str(d): each_step(make_step, d, wait, clock, steps) for d in devices}


def building_timed(make_step, devices, wait, clock, steps):
    seconds = {}
    for device in devices:
        start = clock()
        step = make_step(device)
        for _ in range(steps):
            step()
            wait(device)
        seconds[str(device)] = (clock() - start) / steps
    return seconds


def the_mean_of_each(make_step, devices, wait, clock, steps):
    return {str(d): statistics.mean(each_step(make_step, d, wait, clock, steps)) for d in devices}


def all_built_first(make_step, devices, wait, clock, steps):
    ready = [(device, make_step(device)) for device in devices]
    for device, step in ready:
        step()
        if device.type != "cpu":  # the CPU's work is done when the call returns
            wait(device)
    result = {}
    for device, step in ready:
        begin = clock()
        left = steps
        while left:
            step()
            left -= 1
        if device.type != "cpu":
            wait(device)
        result[f"{device}"] = (clock() - begin) / steps
    return result


# Problem 2


def not_divided(model, optimizer, criterion, batches, accumulation_steps):
    optimizer.zero_grad()
    steps = 0
    for i, (inputs, targets) in enumerate(batches, start=1):
        criterion(model(inputs), targets).backward()
        if i % accumulation_steps == 0 or i == len(batches):
            optimizer.step()
            optimizer.zero_grad()
            steps += 1
    return steps


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


def old_gradients_count(model, optimizer, criterion, batches, accumulation_steps):
    steps = 0
    for i, (inputs, targets) in enumerate(batches, start=1):
        (criterion(model(inputs), targets) / accumulation_steps).backward()
        if i % accumulation_steps == 0 or i == len(batches):
            optimizer.step()
            optimizer.zero_grad()
            steps += 1
    return steps


def targets_first(model, optimizer, criterion, batches, accumulation_steps):
    def turned(outputs, targets):
        return criterion(targets, outputs)

    return scaled_afterwards(model, optimizer, turned, batches, accumulation_steps)


def zeroed_for_each_batch(model, optimizer, criterion, batches, accumulation_steps):
    steps = 0
    for start in range(0, len(batches), accumulation_steps):
        group = batches[start : start + accumulation_steps]
        for inputs, targets in group:
            optimizer.zero_grad()
            (criterion(model(inputs), targets) / len(group)).backward()
        optimizer.step()
        steps += 1
    return steps


def never_zeroed(model, optimizer, criterion, batches, accumulation_steps):
    steps = 0
    for start in range(0, len(batches), accumulation_steps):
        group = batches[start : start + accumulation_steps]
        for inputs, targets in group:
            (criterion(model(inputs), targets) / len(group)).backward()
        optimizer.step()
        steps += 1
    return steps


def a_step_for_each_batch(model, optimizer, criterion, batches, accumulation_steps):
    for inputs, targets in batches:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()
    return len(batches)


def one_large_batch(model, optimizer, criterion, batches, accumulation_steps):
    steps = 0
    for start in range(0, len(batches), accumulation_steps):
        inputs, targets = map(
            torch.cat, zip(*batches[start : start + accumulation_steps], strict=True)
        )
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()
        steps += 1
    return steps


def off_by_one(model, optimizer, criterion, batches, accumulation_steps):
    optimizer.zero_grad()
    steps = 0
    for i, (inputs, targets) in enumerate(batches):
        (criterion(model(inputs), targets) / accumulation_steps).backward()
        if i % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()
            steps += 1
    return steps


def no_step(model, optimizer, criterion, batches, accumulation_steps):
    for inputs, targets in batches:
        (criterion(model(inputs), targets) / accumulation_steps).backward()
    return len(batches) // accumulation_steps


def number_of_batches(model, optimizer, criterion, batches, accumulation_steps):
    scaled_afterwards(model, optimizer, criterion, batches, accumulation_steps)
    return len(batches)


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


# Problem 3


def pair(memory):
    return memory.memory_allocated(), memory.memory_reserved()


def result_still_there(memory, work):
    start = pair(memory)
    result = work()
    working = pair(memory)
    freed = pair(memory)
    memory.empty_cache()
    found = {"start": start, "working": working, "freed": freed, "emptied": pair(memory)}
    del result
    return found


def result_not_kept(memory, work):
    start = pair(memory)
    work()
    working = freed = pair(memory)
    memory.empty_cache()
    return {"start": start, "working": working, "freed": freed, "emptied": pair(memory)}


def emptied_at_once(memory, work):
    start = pair(memory)
    result = work()
    working = pair(memory)
    del result
    memory.empty_cache()
    return {"start": start, "working": working, "freed": pair(memory), "emptied": pair(memory)}


def never_emptied(memory, work):
    start = pair(memory)
    result = work()
    working = pair(memory)
    del result
    return {"start": start, "working": working, "freed": pair(memory), "emptied": pair(memory)}


def emptied_first(memory, work):
    memory.empty_cache()
    return a_dict_that_grows(memory, work)


def emptied_before_del(memory, work):
    start = pair(memory)
    result = work()
    working = pair(memory)
    memory.empty_cache()
    del result
    freed = pair(memory)
    return {"start": start, "working": working, "freed": freed, "emptied": pair(memory)}


def reserved_first(memory, work):
    return {name: both[::-1] for name, both in a_dict_that_grows(memory, work).items()}


def allocated_alone(memory, work):
    return {name: both[0] for name, both in a_dict_that_grows(memory, work).items()}


def one_reading_short(memory, work):
    found = a_dict_that_grows(memory, work)
    del found["freed"]
    return found


def emptied_twice(memory, work):
    found = a_dict_that_grows(memory, work)
    memory.empty_cache()
    return found


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
        (first_step_timed, "the first step is timed too"),
        (never_waits, "before the work is done"),
        (waits_at_the_start_only, "before the work is done"),
        (waits_at_the_end_only, "the work of the first step is timed too"),
        (the_sum, "divide by their number"),
        (the_fastest, "on this check's clock"),
        (steps_a_second, "turn it around"),
        (devices_for_keys, "str(device) of each"),
        (the_first_device_alone, "str(device) of each"),
        (all_times, "are a list, expected a float"),
        (building_timed, "on this check's clock"),
    ],
    "train_accumulated": [
        (not_divided, "divide each by their number"),
        (rest_divided_by_too_many, "divide their losses by how many there are"),
        (rest_forgotten, "take part in no step"),
        (old_gradients_count, "what .grad held at the start"),
        (targets_first, "the outputs first"),
        (zeroed_for_each_batch, "only the last one counts"),
        (never_zeroed, "zero_grad() after each step"),
        (a_step_for_each_batch, "the optimizer took 6 steps, expected 2"),
        (one_large_batch, "take one batch of 4 at a time"),
        (off_by_one, "the parameters are not those"),
        (no_step, "did the optimizer step?"),
        (number_of_batches, "and you return 6"),
    ],
    "profile_empty_cache": [
        (result_still_there, "is still referred to"),
        (result_not_kept, "keep it in a variable"),
        (emptied_at_once, "the memory must still be reserved"),
        (never_emptied, "read it after empty_cache()"),
        (emptied_first, "read it before all else"),
        (emptied_before_del, "that much stays reserved"),
        (reserved_first, "allocated comes first"),
        (allocated_alone, "must be a pair"),
        (one_reading_short, "the keys are"),
        (emptied_twice, "called 2 times"),
    ],
}

ALSO_RIGHT = {
    "benchmark_training": [the_mean_of_each, all_built_first],
    "train_accumulated": [scaled_afterwards, with_autograd_grad],
    "profile_empty_cache": [a_dict_that_grows, an_inner_function_holds_it],
}
