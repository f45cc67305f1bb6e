"""PromQL expressions over declared metrics, as the dashboard asks them.

A metric is passed as the object that counts it and a label by its name, so that a metric or label that the
worker does not have is an error here and not an empty panel later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.metrics import DETECTOR_INFO, declared

if TYPE_CHECKING:
    from collections.abc import Collection

    from prometheus_client import Counter, Gauge, Histogram

# What a scrape adds to every series, and what of it names one process.
TARGET: Final = ("namespace", "job", "instance")
# The dashboard's variables.
SELECTED: Final = 'namespace=~"$namespace",job=~"$job"'
# Four scrapes or more, whatever the interval, as Grafana finds it out.
WINDOW: Final = "$__rate_interval"


def name(metric: Counter | Gauge | Histogram, *labels: str, part: str = "") -> str:
    """The metric's name.

    Args:
        metric: as declared.
        labels: that are to be used of it.
        part: `_bucket`, `_sum` or `_count` of a histogram.

    Raises:
        ValueError: it has no such label, or no such part.
    """
    known = declared(metric)
    for label in labels:
        if label not in (*known.labels, *TARGET):
            raise ValueError(f"{known.name} has no label {label!r}")
    if (known.kind == "histogram") != bool(part):
        raise ValueError(f"{known.name} is a {known.kind}: {part or 'nothing'} can't be taken of it")
    return known.name + part


def of_selected(series: str) -> str:
    """The series of those processes whose detector is selected."""
    info = f'{name(DETECTOR_INFO, "name")}{{{SELECTED},name=~"$detector"}}'
    return f"({series} and on ({', '.join(TARGET)}) {info})"


def selected(metric: Gauge, by: Collection[str] = ()) -> str:
    """A gauge of the selected processes, series by series."""
    return of_selected(f"{name(metric, *by)}{{{SELECTED}}}")


def rate(metric: Counter | Histogram, by: Collection[str] = (), *, part: str = "", where: str = "") -> str:
    """A counter's increase a second, summed up over the selected processes.

    Args:
        metric: a counter, or a histogram.
        by: labels that are kept apart.
        part: which part of a histogram.
        where: more matchers, such as `result="hit"`.
    """
    matchers = f"{SELECTED},{where}" if where else SELECTED
    series = of_selected(f"rate({name(metric, *by, part=part)}{{{matchers}}}[{WINDOW}])")
    return f"{_aggregated('sum', by)} {series}"


def total(metric: Gauge, by: Collection[str] = ()) -> str:
    """A gauge summed up over the selected processes."""
    return f"{_aggregated('sum', by)} {selected(metric, by)}"


def largest(metric: Gauge, by: Collection[str] = ()) -> str:
    """The largest value of a gauge among the selected processes."""
    return f"{_aggregated('max', by)} {selected(metric, by)}"


def mean(metric: Gauge, by: Collection[str] = ()) -> str:
    """The mean of a gauge over the selected processes."""
    return f"{_aggregated('avg', by)} {selected(metric, by)}"


def quantile(share: float, metric: Histogram, by: Collection[str] = ()) -> str:
    """A quantile of a histogram's observations in the selected processes."""
    series = of_selected(f"rate({name(metric, *by, part='_bucket')}{{{SELECTED}}}[{WINDOW}])")
    return f"histogram_quantile({share}, {_aggregated('sum', ('le', *by))} {series})"


def _aggregated(how: str, by: Collection[str]) -> str:
    return f"{how} by ({', '.join(by)})" if by else how
