"""The bench: a host that each module gets fresh."""

from collections.abc import Iterator

import pytest

from tests.lab import Lab
from tests.stdlib.lab.bench import Bench


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Iterator[Bench]:
    """A pristine host for a module, whose tests use names of their own."""
    (host,) = lab.hosts(1)
    with Bench.open(host) as opened:
        yield opened
