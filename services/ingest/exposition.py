"""The figures of several processes on one page for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def together(own: Iterable[Metric], workers: Mapping[int, str]) -> bytes:
    """Our own figures as they are, and the workers' pages, each with a label `worker`.

    They are not added up here: a worker that starts again begins at 0, which Prometheus
    understands of one series and not of a sum.
    """
    page = _Page()
    for family in own:
        page.add(family, {})
    for index, text in workers.items():
        for family in text_string_to_metric_families(text):
            page.add(family, {"worker": str(index)})
    return generate_latest(page)


class _Page(Collector):
    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}

    def add(self, family: Metric, labels: dict[str, str]) -> None:
        if family.name not in self._families:
            empty = Metric(family.name, family.documentation, family.type)
            self._families[family.name] = empty
        for sample in family.samples:
            self._families[family.name].add_sample(
                sample.name, {**sample.labels, **labels}, sample.value
            )

    def collect(self) -> Iterable[Metric]:
        return self._families.values()
