"""Where counts are kept: in this process, or in files that several share."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.utils import floatToGoString

from ualauth import __version__
from ualauth.metrics.families import BUILD, FAMILIES, SECONDS, Family, Type

Labels = tuple[str, ...]

_OF_TYPE = {Type.COUNTER: CounterMetricFamily, Type.GAUGE: GaugeMetricFamily}


def are_shared() -> bool:
    """Return whether several processes share their counts, as prometheus_client decides it."""
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ


class Counts(Protocol):
    """Keeps the counts; one thread at a time."""

    def count(self, name: str, labels: Labels, amount: float) -> None:
        """Count so much more; a gauge that is no sum becomes `amount`."""
        ...

    def observe(self, name: str, labels: Labels, seconds: float) -> None:
        """Count how long something took."""
        ...

    def collect(self) -> Iterable[Metric]:
        """Return what is shown to the registry of this process."""
        ...

    def clear(self) -> None:
        """Begin anew, in a child that was forked."""
        ...


class _Seconds:
    """The counts of a histogram with its labels."""

    __slots__ = ("buckets", "sum")

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self.buckets = [0] * (len(SECONDS) + 1)
        self.sum = 0.0


class OwnCounts:
    """Counts of this process alone."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self.clear()

    def clear(self) -> None:
        """See `Counts.clear`."""
        self._amounts: dict[str, dict[Labels, float]] = {}
        self._histograms: dict[str, dict[Labels, _Seconds]] = {}
        for family in FAMILIES.values():
            if family.type is Type.HISTOGRAM:
                self._histograms[family.name] = {each: _Seconds() for each in _first(family)}
            else:
                self._amounts[family.name] = dict.fromkeys(_first(family), 0.0)
        self.count(BUILD, (__version__,), 1.0)

    def count(self, name: str, labels: Labels, amount: float) -> None:
        """See `Counts.count`."""
        amounts = self._amounts[name]
        amounts[labels] = amount if FAMILIES[name].is_set else amounts.get(labels, 0.0) + amount

    def observe(self, name: str, labels: Labels, seconds: float) -> None:
        """See `Counts.observe`."""
        counts = self._histograms[name].get(labels)
        if counts is None:
            counts = self._histograms[name][labels] = _Seconds()
        counts.buckets[bisect_left(SECONDS, seconds)] += 1
        counts.sum += seconds

    def collect(self) -> Iterator[Metric]:
        """See `Counts.collect`."""
        for name, amounts in self._amounts.items():
            family = FAMILIES[name]
            metric = _OF_TYPE[family.type](name, family.help, labels=tuple(family.labels))
            for labels, amount in amounts.items():
                metric.add_metric(labels, amount)
            yield metric
        for name, each in self._histograms.items():
            family = FAMILIES[name]
            histogram = HistogramMetricFamily(name, family.help, labels=tuple(family.labels))
            for labels, seconds in each.items():
                histogram.add_metric(labels, _cumulated(seconds.buckets), seconds.sum)
            yield histogram


class SharedCounts:
    """Counts in files that several processes share; prometheus_client collects them from there."""

    def __init__(self) -> None:
        """Begin with what this process counts."""
        # What is counted is collected from the files, and not from here.
        own = CollectorRegistry()
        self._metrics: dict[str, Counter | Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for each in FAMILIES.values():
            labels = tuple(each.labels)
            if each.type is Type.HISTOGRAM:
                self._histograms[each.name] = Histogram(
                    each.name, each.help, labels, buckets=SECONDS, registry=own
                )
            elif each.type is Type.GAUGE:
                self._metrics[each.name] = Gauge(
                    each.name, each.help, labels, registry=own, multiprocess_mode=each.combined
                )
            else:
                self._metrics[each.name] = Counter(each.name, each.help, labels, registry=own)
                for values in _first(each) if labels else ():
                    self._metrics[each.name].labels(*values)
        self.count(BUILD, (__version__,), 1.0)

    def count(self, name: str, labels: Labels, amount: float) -> None:
        """See `Counts.count`."""
        metric = self._metrics[name]
        if labels:
            metric = metric.labels(*labels)
        if isinstance(metric, Gauge) and FAMILIES[name].is_set:
            metric.set(amount)
        else:
            metric.inc(amount)

    def observe(self, name: str, labels: Labels, seconds: float) -> None:
        """See `Counts.observe`."""
        histogram = self._histograms[name]
        (histogram.labels(*labels) if labels else histogram).observe(seconds)

    def collect(self) -> Iterable[Metric]:
        """See `Counts.collect`: nothing, as the files are read instead."""
        return ()

    def clear(self) -> None:
        """See `Counts.clear`: prometheus_client gives each process files of its own."""


def _first(family: Family) -> Iterable[Labels]:
    """Return the labels that are there from the beginning, so that the first event is a rise."""
    return [(each,) for each in family.values] if family.labels else [()]


def _cumulated(buckets: Iterable[int]) -> list[tuple[str, float]]:
    total, cumulated = 0, []
    for bound, count in zip((*SECONDS, float("inf")), buckets, strict=True):
        total += count
        cumulated.append((floatToGoString(bound), float(total)))
    return cumulated
