"""The comparison: each tracer between two untraced runs of the same load, again and again."""
import statistics

import tracers
from machine import CONNSNOOP, describe, package
from measure import START_SECONDS, Failed, bpf_stats, first_event_ms, load, running

FLOWS = 64
PROBE = ['tcp', '-n', '200']
PROBE_LINES = 200
STATS_SECONDS = 1


def scenarios(cpus, seconds, rate):
    """name -> (title, arguments of the load). With one CPU there is none left for the tracer."""
    tcp, last = ['tcp', '-s', str(seconds)], ['-s', str(seconds)]
    found = {}
    if cpus > 1:
        found['one'] = ('One thread makes connections, a core is left for the tracer', [*tcp, '-t', '1'])
    found['busy'] = (f'As many threads as cores ({cpus}): the machine is busy', [*tcp, '-t', str(cpus)])
    found['paced'] = (f'{rate} connections/s, what the machine can do with ease', [*tcp, '-r', str(rate)])
    found['udp'] = (f'UDP datagrams at full speed, over {FLOWS} flows', ['udp', *last, '-k', str(FLOWS)])
    return found


def easy_rate():
    """A quarter of the full speed of one thread, in round figures."""
    rate = load('tcp', '-s', '1')['per_second'] / 4
    step = 1000 if rate > 2000 else 100
    return max(step, round(rate / step) * step)


def why_not(tracer, work):
    """What keeps it from being measured here, or None."""
    if not tracers.installed(tracer):
        return 'not installed'
    try:
        with running(tracer, work) as tracing:
            done = load(*PROBE)['done']
            tracing.settle()
        seen = tracing.seen()
    except Failed as failed:
        return str(failed)
    if not tracer.silent and not seen:
        return 'told nothing of 200 connections'
    if tracer.ours and seen < done * tracer.per_connection:
        return f'told {seen} of {done * tracer.per_connection} events: not all hooks can be had this way'
    return None


def usable(candidates, work):
    """Those that can be measured, and what is wrong with the others."""
    able, unable = [], []
    for tracer in candidates:
        why = why_not(tracer, work)
        print(f'  {tracer.name}: {why or "can be measured"}', flush=True)
        if why:
            unable.append({'name': tracer.name, 'why': why})
        else:
            able.append(tracer)
    return able, unable


def owed(tracer, done):
    if done['mode'] == 'udp':
        return int(done['flows'] * tracer.per_flow)
    return int(done['done'] * tracer.per_connection)


def traced(tracer, arguments, work, patience=START_SECONDS):
    """One run of the load under a tracer, and what both cost."""
    with running(tracer, work, patience) as tracing:
        before = tracing.cpu_ns()
        done = load(*arguments)
        tracing.settle()
        cpu_us = (tracing.cpu_ns() - before) / 1000
        memory = tracing.memory()
    # what is seen after the end, when it has written what was in its buffers
    return {**done, 'own_us': cpu_us / done['done'], 'memory': memory, 'owed': owed(tracer, done),
            'seen': tracing.seen()}


def in_kernel(tracer, arguments, work, patience=START_SECONDS):
    """ns and runs of each BPF program for one connection; None if there are no programs."""
    with bpf_stats(), running(tracer, work, patience) as tracing:
        before = tracing.programs()
        done = load(*arguments)['done']
        after = tracing.programs()
    found = {name: {'runs': (runs - before.get(name, (0, 0))[0]) / done,
                    'ns': (ns - before.get(name, (0, 0))[1]) / done} for name, (runs, ns) in after.items()}
    return found or None


def add_ratios(run, neighbours):
    untraced = statistics.mean(base['per_second'] for base in neighbours)
    run['left'] = run['per_second'] / untraced
    run['more_us'] = run['cpu_us'] - statistics.mean(base['cpu_us'] for base in neighbours)
    return run


def attempt(tracer, why, function, *args):
    """What the function returns; None, and the reason kept, if the tracer has failed this once."""
    try:
        return function(tracer, *args)
    except Failed as failed:
        print(f'  {tracer.name}: {failed}', flush=True)
        why.append({'name': tracer.name, 'why': str(failed)})
        return None


def interleaved(able, arguments, rounds, why, work):
    """Untraced, tracer, untraced, next tracer...: the runs of each tracer, and the untraced ones."""
    load(*arguments)  # so that the first one finds what all others leave: TIME-WAIT, a warm cache
    bases, runs = [load(*arguments)], {tracer.name: [] for tracer in able}
    for turn in range(rounds):
        first = turn * len(able) // rounds  # each has other neighbours in each round
        for tracer in able[first:] + able[:first]:
            run = attempt(tracer, why, traced, arguments, work)
            bases.append(load(*arguments))
            if run:
                runs[tracer.name].append(add_ratios(run, bases[-2:]))
                print(f'  {tracer.name}: {run["left"]:.2f} left, {run["own_us"]:.2f} us,'
                      f' {run["owed"] - run["seen"]} lost', flush=True)
    return runs, bases


def with_programs(tracer, arguments, work):
    """Short runs suffice for the mean of a program."""
    short = list(arguments)
    at = short.index('-s') + 1
    short[at] = str(min(STATS_SECONDS, float(short[at])))
    return in_kernel(tracer, short, work)


def measure_scenario(name, title, arguments, able, rounds, short, work):
    print(f'{title}: {" ".join(arguments)}', flush=True)
    able = [tracer for tracer in able if name != 'udp' or tracer.per_flow is not None]
    why = []
    runs, bases = interleaved(able, arguments, rounds, why, work)
    rows = [{'name': tracer.name, 'ours': tracer.ours, 'silent': tracer.silent, 'runs': runs[tracer.name],
             'programs': attempt(tracer, why, with_programs, arguments, work)
             if tracer.ours or not short else None} for tracer in able if runs[tracer.name]]
    return {'name': name, 'title': title, 'load': arguments, 'untraced': bases, 'rows': rows, 'failed': why}


def starts(able, rounds, why):
    """Milliseconds from the start to the first event, which is lines of text."""
    return {tracer.name: [attempt(tracer, why, first_event_ms) for _ in range(rounds)]
            for tracer in able if not tracer.silent}


def candidates(with_backends):
    return tracers.ours() + (tracers.backends() if with_backends else []) + tracers.peers()


def compare(names, seconds, rounds, with_backends, short, work):
    """The result of a comparison, for the page. names: of the scenarios; none: all. short: leave out what takes
    longest, how fast they start and the programs of others."""
    machine = describe()
    print('who can be measured:', flush=True)
    able, unable = usable(candidates(with_backends), work)
    found = scenarios(machine['cpus'], seconds, easy_rate())
    chosen = [name for name in names or found if name in found] or ['busy']
    return {
        'machine': machine, 'seconds': seconds, 'rounds': rounds, 'unable': unable,
        'tracers': [{'name': tracer.name, 'tells': tracer.tells,
                     'version': machine['connsnoop'] if tracer.program == CONNSNOOP
                     else package(tracer.program)} for tracer in able],
        'scenarios': [measure_scenario(name, *found[name], able, rounds, short, work) for name in chosen],
        'starts': {} if short else starts(able, rounds, unable),
    }
