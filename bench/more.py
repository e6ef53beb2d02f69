"""What a comparison does not show: how the cost grows, a reader that stalls, quiet, and a minute of full speed."""
import os
import signal
import statistics
import time

import tracers
from compare import add_ratios, in_kernel, owed, traced
from list import list_sockets
from machine import memory_available
from measure import START_SECONDS, Failed, holding, load, result, running, start_load, voluntary_switches

HELD = [1000, 10_000, 100_000]
HELD_MOST = 1_000_000
# Both ends of an open connection took 6 KiB on 6.18; and half of the memory is others'.
HELD_BYTES = 2 * 6 * 1024
LOOK_SECONDS = 1e-4  # patience with a tracer's look at an open connection
FILTERS = [1, 8, 64]
STALL_RATE = 20_000
STALL_SECONDS = 1
QUIET_SECONDS = 1  # until also the last of the warm-up is printed
# Passed over by the first filters, met by the last, so that all of them are asked; the warm-up meets it, too.
KINDS = {
    'ports (-P)': lambda n: ['-P', ','.join([*(str(20_000 + 2 * i) for i in range(n - 1)), f'{tracers.NOBODYS_PORT}-7411'])],
    'networks (-A)': lambda n: ['-A', ','.join([*(f'10.{i}.0.0/16' for i in range(n - 1)), '127.0.0.0/8'])],
    'users (--user)': lambda n: ['--user', ','.join([*(str(60_001 + i) for i in range(n - 1)), '0'])],
    'names (-c)': lambda n: [word for name in [*(f'nobody{i}' for i in range(n - 1)), 'load']
                             for word in ('-c', name)],
}


def most_held():
    """As many as memory allows, in round figures."""
    able = memory_available() // HELD_BYTES
    return min(HELD_MOST, able - able % 100_000)


def programs_cost(found):
    return {'ns': sum(p['ns'] for p in found.values()), 'runs': sum(p['runs'] for p in found.values())}


def with_held(count, seconds, rounds, work):
    """The runs beside so many open connections, which a tracer looks at before it tells anything."""
    tracer, arguments = tracers.ours()[0], ['tcp', '-s', str(seconds)]
    patience = START_SECONDS + count * LOOK_SECONDS
    with holding(count):
        load(*arguments)
        bases, runs = [load(*arguments)], []
        for _ in range(rounds):
            run = traced(tracer, arguments, work, patience)
            bases.append(load(*arguments))
            runs.append(add_ratios(run, bases[-2:]))
        programs = in_kernel(tracer, arguments, work, patience)
    print(f'  {count} held: {runs[-1]["left"]:.2f} left, {programs_cost(programs)["ns"]:.0f} ns', flush=True)
    return {'held': count, 'untraced': bases, 'runs': runs, 'programs': programs}


def scale(seconds, rounds, work):
    most, rows = most_held(), []
    for count in [*(held for held in HELD if held < most), most]:
        try:
            rows.append(with_held(count, seconds, rounds, work))
        except Failed as failed:
            print(f'  {count} held: {failed}', flush=True)
            rows.append({'held': count, 'why': str(failed)})
    return {'scale': rows}


def filters(seconds, rounds, work):
    """Only BPF programs, for the rest of a connection's cost would hide what filters add."""
    rows = []
    for kind, options in KINDS.items():
        for count in FILTERS:
            tracer = tracers.connsnoop('connsnoop', *options(count))
            costs = [programs_cost(in_kernel(tracer, ['tcp', '-s', str(seconds)], work)) for _ in range(rounds)]
            rows.append({'kind': kind, 'count': count, 'costs': costs})
            print(f'  {count} {kind}: {statistics.median(c["ns"] for c in costs):.0f} ns', flush=True)
    return {'filters': rows}


def stall(seconds, rounds, work):
    """Stopped for a second, at a rate that is far above what most servers see."""
    tracer, found = tracers.ours()[0], []
    for _ in range(rounds):
        with running(tracer, work) as tracing:
            process = start_load('tcp', '-r', str(STALL_RATE), '-s', str(STALL_SECONDS + seconds))
            time.sleep(seconds / 2)
            os.kill(tracing.process.pid, signal.SIGSTOP)
            time.sleep(STALL_SECONDS)
            os.kill(tracing.process.pid, signal.SIGCONT)
            done = result(process)
            tracing.settle()
            memory = tracing.memory()
        found.append({**done, 'memory': memory, 'owed': owed(tracer, done), 'seen': tracing.seen()})
        print(f'  {done["per_second"]:.0f}/s: {found[-1]["owed"] - found[-1]["seen"]} lost', flush=True)
    return {'stall': found, 'rate': STALL_RATE, 'stalled': STALL_SECONDS}


def idle(seconds, rounds, work):
    """With a filter for this namespace, in which nothing happens: others may be busy elsewhere."""
    found = []
    for _ in range(rounds):
        tracer = tracers.connsnoop('idle', '--netns', '/proc/self/ns/net', per_connection=0)
        with running(tracer, work) as tracing:
            time.sleep(QUIET_SECONDS)
            before, ns = voluntary_switches(tracing.pids), tracing.cpu_ns()
            time.sleep(seconds)
            found.append({'seconds': seconds, 'wakeups': voluntary_switches(tracing.pids) - before,
                          'cpu_ns': tracing.cpu_ns() - ns})
        print(f'  {found[-1]["wakeups"]} wakeups', flush=True)
    return {'idle': found}


def sustain(seconds, rounds, work):
    """All cores at full speed, for long."""
    found = []
    for options in [], ['-j']:
        tracer = tracers.connsnoop(' '.join(['connsnoop', *options]), *options)
        for _ in range(rounds):
            run = traced(tracer, ['tcp', '-t', str(os.cpu_count()), '-s', str(seconds)], work)
            found.append({'name': tracer.name, **run})
            print(f'  {tracer.name}: {run["done"]:.0f} connections, {run["owed"] - run["seen"]} lost', flush=True)
    return {'sustain': found}


COMMANDS = {'scale': scale, 'filters': filters, 'stall': stall, 'idle': idle, 'sustain': sustain,
            'list': list_sockets}
