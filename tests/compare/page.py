"""docs/peers.md, from what a run has kept and how it was judged."""
from judge import JUDGES

INTRODUCTION = """\
# Beside tcplife, tcptracer and tcpconnect

Made by `make compare`; do not edit. It runs the three tools of bcc and `connsnoop` at the same time, makes
connections of which it knows everything, and holds each line against that. The truth is the test's own: no
tool is measured by another. [tests/compare](../tests/compare/README.md) tells how.

What ran: kernel {kernel} in a virtual machine with one CPU; the tools in C of Debian's package libbpf-tools
({package}); {connsnoop}. Other versions were not run.
{runs} runs; of each case the
one counts in which the tools did worst, since what is right by luck is not right. Runs differed in: {differ}.

The three are small, cost little, and are good at what they were made for; where a client connects and closes first
they are right. They are judged by their own manuals: tcplife promises a line for each session that opens and
closes while it runs, tcptracer one for each connect, accept and close of established connections, tcpconnect one for
each attempt, even if it fails. What they do not promise is not held against them. For tcplife's PID either process
will do if a connection changed hands; its KB have two decimals, so bytes are compared to {step} KB.

| verdict | |
| --- | --- |
| right | all that it is there to say, and all of it true |
| **wrong** | a line says what is not so |
| part | true, but not all that it is there to say; or the opposite would look the same |
| silent | nothing of what it is there to say |
| - | nothing to say, and nothing said |
"""


def page(result, verdicts, runs, differ, step):
    tools = list(JUDGES)
    parts = [INTRODUCTION.format(runs=runs, step=step, differ='; '.join(differ) or 'nothing', **result['versions']),
             '## The cases\n', table(result, verdicts, tools), '',
             totals(verdicts, tools), '',
             '## Where a tool is not right\n',
             'The lines are those of the run. Of `connsnoop` these events and columns were asked for:\n',
             f'    {" ".join(result["command"])}\n']
    for case in result['cases']:
        judged = verdicts[case['name']]
        if any(verdict.why for verdict in judged.values()):
            parts.append(section(case, judged, result['heads']))
    return '\n'.join(parts).rstrip('\n') + '\n'


def table(result, verdicts, tools):
    rows = ['| case | ' + ' | '.join(tools) + ' |', '| --- ' * (len(tools) + 1) + '|']
    for case in result['cases']:
        words = (shown(verdicts[case['name']][tool].word) for tool in tools)
        rows.append(f'| {case["title"]} | ' + ' | '.join(words) + ' |')
    return '\n'.join(rows)


def shown(word):
    return f'**{word}**' if word == 'wrong' else word


def totals(verdicts, tools):
    def count(tool):
        words = [judged[tool].word for judged in verdicts.values()]
        found = [f'{words.count(word)} {word}' for word in ('wrong', 'silent', 'part') if word in words]
        return f'{tool}: {", ".join(found) or "none"}'
    return (f'Of {len(verdicts)} cases, not right - ' + '; '.join(map(count, tools)) + '.')


def section(case, judged, heads):
    lines = [f'### {case["title"][0].upper()}{case["title"][1:]}\n', truth(case['ends']), '']
    for tool, verdict in judged.items():
        if verdict.why:
            lines.append(f'- {tool}, {verdict.word}: {"; ".join(verdict.why)}')
    lines.append('\n```text')
    for tool in judged:
        lines += [f'# {tool}', *([heads[tool]] + case['lines'][tool] if case['lines'][tool]
                                 else ['(no line)'])]
    return '\n'.join([*lines, '```', ''])


def truth(ends):
    return 'True is: ' + ' '.join(map(true_of, ends))


def name(who):
    return f'{who[0]} ({who[1]})'


def place(end):
    return f'{end[0]}:{end[1]}'


def true_of(end):
    who = name(end['owner'])
    if end['error']:
        what = ('closed the socket while it had no answer' if end['phase'] == 'cancelled'
                else f'got {end["error"]}')
        return f'{who} called connect() to {place(end["remote"])} and {what}.'
    did = {'connect': f'connected from {place(end["local"])} to {place(end["remote"])}',
           'accept': f'accepted {place(end["remote"])} on {place(end["local"])}',
           'queue': f'listened on {place(end["local"])} and accepted nothing'}[end['how']]
    moved = f', sent {end["tx"]} and received {end["rx"]} bytes' if end['how'] != 'queue' else ''
    closer = name(end['closer']) if end['closer'] else 'it'
    ended = {'local': f'; {closer} closed first', 'reset-sent': f'; {closer} reset the connection'}
    return f'{who} {did}{moved}{ended.get(end["reason"][0], "")}.'
