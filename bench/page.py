"""docs/bench.md and its picture, of the results that are there."""
import json
import pathlib
import statistics

from machine import BENCH, ROOT
from picture import picture

HEAD = """# What connsnoop costs

Made by `make bench` ([bench/README.md](../bench/README.md) tells how it measures). It makes connections over loopback,
where the kernel has least to do besides, so the share of a tracer is as large as it can be: on a wire it is smaller.
Numbers are medians (smallest..largest).

- **Throughput left**: connections a second under the tracer, divided by the mean of the untraced runs before and after it.
  Machines are noisy: differences below 0.05 mean nothing here, whatever the median says.
- **Own CPU**: what the tracer's processes take, its work after the load included. **More CPU in the load**: what one
  connection takes more of the process that makes it, which is the tracer's part in the kernel and its wakeups.
- **In the kernel**: what the tracer's BPF programs take, as the kernel measures it in a run of its own; about 0.06 us a run
  of that is the measuring.
- **Lost**: what the output lacks of what the tracer owes, of all runs together.
- **Memory**: peak of the processes, and the mapped ring or perf buffer beside it.
- **First event**: from the start of the tracer to its first line, with connections all the time and each line printed at once.
"""
COLUMNS = ['tracer', 'throughput left', 'own CPU', 'more CPU in the load', 'in the kernel', 'lost', 'memory, MiB']
NAMES = ['compare', 'vm', 'scale', 'filters', 'stall', 'idle', 'sustain', 'list']


# --- numbers ------------------------------------------------------------------------------------

def spread(values, digits):
    """Median, and smallest..largest where they differ."""
    values = [value for value in values if value is not None]
    if not values:
        return '-'
    low, middle, high = (f'{value:.{digits}f}' for value in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f'{middle} ({low}..{high})'


def thousands(number):
    return f'{round(number):,}'.replace(',', ' ')


def lost(runs):
    owed, missing = sum(run['owed'] for run in runs), sum(run['owed'] - run['seen'] for run in runs)
    if missing < 0:
        return f'told {thousands(-missing)} too many'
    if not missing:
        return '0'
    return f'{thousands(missing)} of {thousands(owed)}'


def memory(runs):
    peak = max(run['memory']['hwm'] for run in runs) / 1024
    buffers = max(run['memory']['buffers'] for run in runs) / 1024
    return f'{peak:.1f}' + (f' + {buffers:.1f}' if buffers >= 0.1 else '')


def kernel_us(programs, digits=2):
    if not programs:
        return '-'
    return f'{sum(p["ns"] for p in programs.values()) / 1000:.{digits}f} us'


def table(columns, rows):
    lines = [columns, ['---'] * len(columns), *rows]
    return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |' for line in lines) + '\n'


# --- the comparison -----------------------------------------------------------------------------

def name_of(row):
    return f'**{row["name"]}**' if row['ours'] else row['name']


def comparison_row(row, digits):
    runs = row['runs']
    return [name_of(row), spread([run['left'] for run in runs], 2),
            spread([run['own_us'] for run in runs], digits) + ' us',
            spread([run['more_us'] for run in runs], digits - 1) + ' us', kernel_us(row['programs'], digits),
            '-' if row['silent'] else lost(runs), memory(runs)]


def scenario_section(scenario):
    base = scenario['untraced']
    unit, digits = ('datagram', 3) if scenario['load'][0] == 'udp' else ('connection', 2)
    return (f'### {scenario["title"]}\n\n'
            f'Untraced {thousands(statistics.median(run["per_second"] for run in base))} {unit}s/s'
            f' ({thousands(min(run["per_second"] for run in base))}..'
            f'{thousands(max(run["per_second"] for run in base))}),'
            f' {spread([run["cpu_us"] for run in base], digits - 1)} us of CPU each.\n\n'
            + table(COLUMNS, [comparison_row(row, digits) for row in scenario['rows']]))


def programs_section(scenario):
    row = scenario['rows'][0]
    rows = sorted(row['programs'].items(), key=lambda item: -item[1]['ns'])
    return (f'### The BPF programs of {row["name"]}\n\nFor one connection, both ends, of the first scenario.\n\n'
            + table(['program', 'runs', 'ns', 'ns/run'],
                    [[f'`{name}`', f'{p["runs"]:.1f}', f'{p["ns"]:.0f}', f'{p["ns"] / p["runs"]:.0f}']
                     for name, p in rows if p['runs'] >= 0.05]))


def machine_line(m):
    emulated = ', emulated by QEMU without KVM: only the ratios say something' if m['emulated'] else ''
    return (f'{m["date"]}, kernel {m["kernel"]}, {m["cpus"]} CPU{"s" if m["cpus"] > 1 else ""} ({m["cpu"]}),'
            f' {m["memory_gib"]} GiB{emulated}; {m["connsnoop"]} of {m["commit"]}.')


def compare_section(result, title):
    unable = [[entry['name'], entry['why']] for entry in result['unable']]
    unable += [[entry['name'], f'of one run: {entry["why"]}'] for scenario in result['scenarios']
               for entry in scenario['failed']]
    told = [[entry['name'], entry['tells'], spread(result['starts'].get(entry['name'], []), 0), entry['version']]
            for entry in result['tracers']]
    return '\n'.join([
        f'## {title}\n\n{machine_line(result["machine"])} {result["rounds"]} rounds of {result["seconds"]:g} s.\n',
        *(scenario_section(scenario) for scenario in result['scenarios']),
        programs_section(result['scenarios'][0]),
        '### Who was there\n', table(['tracer', 'what it tells', 'first event, ms', 'version'], told),
        '### Who could not be measured here\n', table(['tracer', 'why'], unable) if unable else 'None.\n'])


# --- the rest -----------------------------------------------------------------------------------

def scale_row(row):
    if 'why' in row:
        return [thousands(row['held']), f'could not be measured: {row["why"]}', *['-'] * 5]
    runs = row['runs']
    return [thousands(row['held']), thousands(statistics.median(run['per_second'] for run in row['untraced'])),
            spread([run['left'] for run in runs], 2), spread([run['own_us'] for run in runs], 2) + ' us',
            kernel_us(row['programs']), lost(runs), memory(runs)]


def scale_section(result):
    return ('## With many open connections\n\n'
            f'{machine_line(result["machine"])} They are open before the trace begins, which finds them all;'
            ' one thread makes others meanwhile.\n\n'
            + table(['open', 'untraced, connections/s', 'throughput left', 'own CPU', 'in the kernel', 'lost',
                     'memory, MiB'], [scale_row(row) for row in result['scale']]))


def filters_section(result):
    rows = [[row['count'], row['kind'], spread([cost['ns'] / 1000 for cost in row['costs']], 2) + ' us',
             spread([cost['runs'] for cost in row['costs']], 1)] for row in result['filters']]
    return ('## With many filters\n\n'
            f'{machine_line(result["machine"])} The last in the list lets the load in.\n\n'
            + table(['how many', 'filters', 'in the kernel, a connection', 'runs'], rows))


def stall_section(result):
    rows = [[thousands(run['per_second']), thousands(run['done']), thousands(run['owed']), lost([run]),
             memory([run])] for run in result['stall']]
    return ('## A reader that stalls\n\n'
            f'{machine_line(result["machine"])} SIGSTOP, {result["stalled"]} s later SIGCONT, while'
            f' {thousands(result["rate"])} connections/s are asked for; default buffer.\n\n'
            + table(['connections/s', 'connections', 'events', 'lost', 'memory, MiB'], rows))


def idle_section(result):
    rows = [[f'{run["seconds"]:g} s', run['wakeups'], f'{run["cpu_ns"] / 1e6:.3f} ms'] for run in result['idle']]
    return ('## Idle\n\n'
            f'{machine_line(result["machine"])} In a namespace where nothing happens (`--netns`).\n\n'
            + table(['for', 'wakeups', 'CPU'], rows))


def sustain_section(result):
    rows = [[f'**{run["name"]}**', f'{run["seconds"]:.0f} s', thousands(run['per_second']), thousands(run['done']),
             thousands(run['owed']), lost([run]), f'{run["own_us"]:.2f} us', memory([run])]
            for run in result['sustain']]
    return ('## Full speed, for long\n\n'
            f'{machine_line(result["machine"])} As many threads as cores, output to a file.\n\n'
            + table(['tracer', 'for', 'connections/s', 'connections', 'events', 'lost', 'own CPU',
                     'memory, MiB'], rows))


def list_section(result):
    seconds = {name: statistics.median(run['seconds'] for run in runs) for name, runs in result['list'].items()}
    ours = next(iter(seconds.values()))
    rows = [[f'`{name}`', spread([run['seconds'] for run in runs], 2) + ' s', f'{seconds[name] / ours:.1f}',
             spread([run['cpu'] for run in runs], 2) + ' s',
             thousands(statistics.median(run['seen'] for run in runs))] for name, runs in result['list'].items()]
    return ('## Listing what exists\n\n'
            f'{machine_line(result["machine"])} {thousands(result["sockets"])} established sockets over'
            f' {result["processes"]} processes, output to a file; the programs take turns. Others may keep the'
            ' processors busy: CPU time says more than the clock.\n\n'
            + table(['program', 'time', 'of the first', 'CPU', 'established sockets told'], rows))


def section(name, result, image):
    if name == 'compare':
        return f'![Throughput left under each tracer]({image})\n\n' + compare_section(result, 'On a machine')
    if name == 'vm':
        return compare_section(result, 'In a virtual machine, where kprobes work')
    return {'scale': scale_section, 'filters': filters_section, 'stall': stall_section, 'idle': idle_section,
            'sustain': sustain_section, 'list': list_section}[name](result)


def results(paths):
    """name -> result, in the order of the page: the files named, or those that were kept."""
    paths = [pathlib.Path(path) for path in paths] or [BENCH / f'{name}.json' for name in NAMES]
    found = {path.stem if path.stem in NAMES else 'compare': json.loads(path.read_text())
             for path in paths if path.exists()}
    return {name: found[name] for name in NAMES if name in found}


def write_page(paths, page, image):
    page, image = page or ROOT / 'docs/bench.md', image or ROOT / 'docs/bench.svg'
    found = results(paths)
    if 'compare' not in found:
        raise SystemExit('bench/run: no result of compare to make a page of')
    image.write_text(picture(found['compare']))
    page.write_text('\n'.join([HEAD, *(section(name, result, image.name) for name, result in found.items())]))
    print(f'{page}, {image}: written')
