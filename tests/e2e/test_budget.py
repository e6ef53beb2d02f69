"""What the verifier has to do, which is most of the start, does not grow unseen: see tests/budget."""
import pytest

import budget
from sockets import IN_VM
from tracing import BACKEND

MARGIN = 1.1


@pytest.mark.parametrize('trace', [*budget.TRACES, *budget.LISTS])
def test_budget(trace):
    backend = budget.ANY if trace in budget.LISTS else BACKEND
    allowed = budget.read(backend, trace)
    if not allowed and not IN_VM:
        pytest.skip(f'no budget for kernel {budget.KERNEL} and backend {backend}: make budget')
    assert allowed, f'no rows for {budget.KERNEL}, {backend}: make budget'
    measured = budget.measure(backend, trace)
    assert measured
    over = []
    for program, numbers in measured.items():
        if program not in allowed:
            over.append(f'{program} has no row: make budget')
            continue
        for now, limit, what in zip(numbers, allowed[program], ('instructions verified', 'bytes translated')):
            if now > limit * MARGIN:
                over.append(f'{program}: {now} {what}, {limit} in tests/budget/{budget.KERNEL}')
    assert not over, '\n'.join(over)
