"""Where counts are kept: in this process, or in files that several share."""

from __future__ import annotations

import os
from bisect import bisect_right
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


class Amount(Protocol):
    """A counter or a gauge with its labels; compared by identity."""

    def add(self, amount: float) -> None:
        """Count so much more."""
        ...

    def set(self, amount: float) -> None:
        """Make it that, for a gauge that is no sum."""
        ...


class Seconds(Protocol):
    """A histogram with its labels; compared by identity."""

    def observe(self, passed: list[float]) -> None:
        """Count how many seconds something took, each time."""
        ...


class Counts(Protocol):
    """Keeps the counts; one thread at a time, but for what returns one of them."""

    def amount(self, name: str, *labels: str) -> Amount:
        """Return a counter or gauge with its labels, always the same."""
        ...

    def seconds(self, name: str, *labels: str) -> Seconds:
        """Return a histogram with its labels, always the same."""
        ...

    def collect(self) -> Iterable[Metric]:
        """Return what is shown to the registry of this process."""
        ...

    def clear(self) -> None:
        """Begin anew, in a child that was forked."""
        ...


class _OwnAmount:
    __slots__ = ("amount",)

    def __init__(self) -> None:
        self.amount = 0.0

    def add(self, amount: float) -> None:
        self.amount += amount

    def set(self, amount: float) -> None:
        self.amount = amount


class _OwnSeconds:
    __slots__ = ("buckets", "sum")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.buckets = [0] * (len(SECONDS) + 1)
        self.sum = 0.0

    def observe(self, passed: list[float]) -> None:
        # Sorted: a bound is looked for once, however many there are.
        passed.sort()
        buckets, before = self.buckets, 0
        for place, bound in enumerate(SECONDS):
            below = bisect_right(passed, bound, before)
            buckets[place] += below - before
            before = below
        buckets[-1] += len(passed) - before
        self.sum += sum(passed)


class OwnCounts:
    """Counts of this process alone."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._amounts: dict[str, dict[Labels, _OwnAmount]] = {}
        self._seconds: dict[str, dict[Labels, _OwnSeconds]] = {}
        for family in FAMILIES.values():
            if family.type is Type.HISTOGRAM:
                self._seconds[family.name] = {each: _OwnSeconds() for each in _first(family)}
            else:
                self._amounts[family.name] = {each: _OwnAmount() for each in _first(family)}
        self.amount(BUILD, __version__).set(1.0)

    def amount(self, name: str, *labels: str) -> Amount:
        """See `Counts.amount`."""
        existing = self._amounts[name].get(labels)
        return existing or self._amounts[name].setdefault(labels, _OwnAmount())

    def seconds(self, name: str, *labels: str) -> Seconds:
        """See `Counts.seconds`."""
        existing = self._seconds[name].get(labels)
        return existing or self._seconds[name].setdefault(labels, _OwnSeconds())

    def collect(self) -> Iterator[Metric]:
        """See `Counts.collect`."""
        for name, amounts in self._amounts.items():
            family = FAMILIES[name]
            metric = _OF_TYPE[family.type](name, family.help, labels=tuple(family.labels))
            for labels, each in list(amounts.items()):
                metric.add_metric(labels, each.amount)
            yield metric
        for name, all_seconds in self._seconds.items():
            family = FAMILIES[name]
            histogram = HistogramMetricFamily(name, family.help, labels=tuple(family.labels))
            for labels, seconds in list(all_seconds.items()):
                histogram.add_metric(labels, _cumulated(seconds.buckets), seconds.sum)
            yield histogram

    def clear(self) -> None:
        """See `Counts.clear`."""
        for name, amounts in self._amounts.items():
            if not FAMILIES[name].is_set:
                for amount in amounts.values():
                    amount.set(0.0)
        for all_seconds in self._seconds.values():
            for seconds in all_seconds.values():
                seconds.clear()


class _SharedAmount:
    __slots__ = ("_metric",)

    def __init__(self, metric: Counter | Gauge) -> None:
        self._metric = metric

    def add(self, amount: float) -> None:
        self._metric.inc(amount)

    def set(self, amount: float) -> None:
        if isinstance(self._metric, Gauge):
            self._metric.set(amount)


class _SharedSeconds:
    __slots__ = ("_histogram",)

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram

    def observe(self, passed: list[float]) -> None:
        for each in passed:
            self._histogram.observe(each)


class SharedCounts:
    """Counts in files that several processes share; prometheus_client collects them from there."""

    def __init__(self) -> None:
        """Begin with what this process counts."""
        # What is counted is collected from the files, and not from here.
        own = CollectorRegistry()
        self._metrics: dict[str, Counter | Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        self._amounts: dict[tuple[str, Labels], Amount] = {}
        self._seconds: dict[tuple[str, Labels], Seconds] = {}
        for each in FAMILIES.values():
            labels = tuple(each.labels)
            if each.type is Type.HISTOGRAM:
                self._histograms[each.name] = Histogram(
                    each.name, each.help, labels, buckets=SECONDS, registry=own
                )
                continue
            if each.type is Type.GAUGE:
                self._metrics[each.name] = Gauge(
                    each.name, each.help, labels, registry=own, multiprocess_mode=each.combined
                )
            else:
                self._metrics[each.name] = Counter(each.name, each.help, labels, registry=own)
            for values in _first(each):
                self.amount(each.name, *values)
        self.amount(BUILD, __version__).set(1.0)

    def amount(self, name: str, *labels: str) -> Amount:
        """See `Counts.amount`."""
        existing = self._amounts.get((name, labels))
        if existing is not None:
            return existing
        metric = self._metrics[name]
        child = metric.labels(*labels) if labels else metric
        return self._amounts.setdefault((name, labels), _SharedAmount(child))

    def seconds(self, name: str, *labels: str) -> Seconds:
        """See `Counts.seconds`."""
        existing = self._seconds.get((name, labels))
        if existing is not None:
            return existing
        histogram = self._histograms[name]
        child = histogram.labels(*labels) if labels else histogram
        return self._seconds.setdefault((name, labels), _SharedSeconds(child))

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
        cumulated.append((floatToGoString(bound), float(total)))  # type: ignore[no-untyped-call]
    return cumulated
