"""What a person has to know about the toys."""

from __future__ import annotations

from gateway.conditions.matching import read_from
from gateway.conditions.model import Category
from gateway.conditions.view import ClusterView
from gateway.summary import Description, Summary, number
from tests.toy_subsystem import metrics

TOYS = Category(name="Toy", title="Toys", rank=20)


def describe_toys(view: ClusterView) -> Description:
    """Describes the box of toys."""
    return Description(headline=number(view.number(metrics.COUNT), " toys"))


SUMMARIES = (Summary(category=TOYS, source=read_from("toy", "toyctl"), describe=describe_toys),)
