"""The unions name every class of the module: a fact that is in none could not be handled."""

import inspect
from typing import get_args

from game_server.cluster import node_facts


def test_every_class_is_a_fact_an_effect_or_part_of_one() -> None:
    classes = {
        each for _, each in inspect.getmembers(node_facts, inspect.isclass) if each.__module__ == node_facts.__name__
    }
    assert classes - {*get_args(node_facts.Fact), *get_args(node_facts.Effect)} == {node_facts.LedgerTold}
