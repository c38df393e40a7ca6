"""Facts: typed, asked when read, and safe from hosts that lie."""

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl.core import facts
from cfgdsl.core.errors import ConfigurationError
from cfgdsl.core.facts import BasicFacts, Mount, basic_facts, network_facts

jsonish = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    *(a.name for a in attrs.fields(BasicFacts)), "fqdn", "interfaces", "mounts", "default_address"
]  # fmt: skip
items = st.dictionaries(
    st.sampled_from(["path", "device", "fstype", "name", "addresses", "total_mb"]), jsonish
)


@given(st.dictionaries(st.sampled_from(NAMES), jsonish | st.lists(items)))
def test_no_answer_of_a_host_breaks_the_types_of_facts(raw: dict[str, Any]) -> None:
    basic, network = basic_facts(raw), network_facts(json.loads(json.dumps(raw)))
    assert isinstance(basic.hostname, str)
    assert type(basic.cpu_count) is int
    assert all(isinstance(m.path, str) for m in network.mounts)
    assert all(isinstance(a, str) for i in network.interfaces for a in i.addresses)


def test_a_value_of_another_type_is_left_at_its_default() -> None:
    found = basic_facts({"cpu_count": "8", "memory_mb": True, "hostname": "web1"})
    assert (found.cpu_count, found.memory_mb, found.hostname) == (1, 0, "web1")


def test_what_is_right_comes_through() -> None:
    mount = {"path": "/", "device": "/dev/vda1", "fstype": "ext4", "free_mb": 5}
    found = network_facts({"fqdn": "web1.example", "mounts": [mount]})
    assert found.mounts == (Mount("/", "/dev/vda1", "ext4", free_mb=5),)
    assert found.fqdn == "web1.example"


def test_a_misspelt_fact_says_what_was_meant() -> None:
    read = facts.lazy_facts(BasicFacts(hostname="web1"), facts.NetworkFacts, lambda _: ())
    assert read.hostname == "web1"
    with pytest.raises(ConfigurationError, match="Did you mean 'cpu_count'"):
        read.cpu_cuont  # type: ignore[attr-defined]  # noqa: B018
