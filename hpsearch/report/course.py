"""Figures of a study's course: the best score so far, the learning curves, the timeline."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from plotly.graph_objects import Bar, Figure, Scatter

from hpsearch.engine.records import State, TrialRecord, best_of
from hpsearch.foundations.metrics import Metric
from hpsearch.report.figure import (
    BEST,
    COMPLETE,
    FADED,
    line_hover,
    make_figure,
    point_hover,
    with_traces,
)

__all__ = ["draw_best_so_far", "draw_learning_curves", "draw_timeline"]

# Maximum number of points of all curves together, and minimum of a single curve.
_MAX_POINTS, _MIN_POINTS = 24_000, 12
# Pauses longer than this share of the working time are cut out of the timeline.
_PAUSE = 0.1
# Units of the timeline: length in seconds, name, and shortest timeline in seconds to use it for.
_UNITS = ((3600, "hours", 10_000), (60, "minutes", 600), (1, "seconds", 0))


def draw_best_so_far(records: Sequence[TrialRecord], threads: int) -> Figure:
    """Draw the best validation score so far over the core-seconds spent in training.

    Parameters
    ----------
    records : sequence of TrialRecord
        Trials, at least one of them complete.
    threads : int
        Number of cores used by each trial.
    """
    ended = sorted(
        (r for r in records if r.state.is_finished and r.ended_at),
        key=lambda r: (r.ended_at or datetime.min, r.number),
    )
    spent = threads * np.cumsum([record.duration_s for record in ended])
    metric = ended[0].metric
    scores = [
        metric.sign * r.value if r.state == State.COMPLETE and r.value is not None else -np.inf
        for r in ended
    ]
    best = np.maximum.accumulate(scores)
    first = int(np.argmax(np.isfinite(best)))
    figure = make_figure(340)
    figure.update_xaxes(title="core-seconds in training", rangemode="tozero")
    figure.update_yaxes(title=metric.val_name)
    figure.add_scatter(
        x=spent[first:].tolist(),
        y=(metric.sign * best[first:]).tolist(),
        mode="lines",
        line={"shape": "hv", "color": BEST, "width": 2.5},
        hoverinfo="skip",
    )
    for state, colour in ((State.PRUNED, FADED), (State.COMPLETE, COMPLETE)):
        shown = [i for i, r in enumerate(ended) if r.state == state and r.value is not None]
        figure.add_trace(_dots(ended, shown, spent.tolist(), colour))
    figure.update_yaxes(range=_focus([r.value for r in ended if r.state == State.COMPLETE], metric))
    return figure


def draw_learning_curves(
    records: Sequence[TrialRecord], best: TrialRecord | None
) -> dict[str, Any]:
    """Draw the validation score of every trial after each epoch, the best trial in front."""
    shown = [record for record in records if record.val_scores]
    n_points = max(_MIN_POINTS, _MAX_POINTS // max(1, len(shown)))
    figure = make_figure(400)
    figure.update_xaxes(title="epoch", rangemode="tozero")
    figure.update_yaxes(title=shown[0].metric.val_name)
    order = {State.COMPLETE: 1}
    traces = [
        _curve(record, n_points, is_best=record is best)
        for record in sorted(shown, key=lambda r: (r is best, order.get(r.state, 0), r.number))
    ]
    return with_traces(figure, traces)


def draw_timeline(records: Sequence[TrialRecord], n_workers: int) -> Figure:
    """Draw a lane for each worker and a bar for each trial, without long pauses.

    Parameters
    ----------
    records : sequence of TrialRecord
        Trials; those without times are left out.
    n_workers : int
        Maximum number of concurrent trials, and of lanes.
    """
    bars = list(_lay_out(records, n_workers))
    cuts = _find_pauses(bars)
    start = min((begin for begin, *_ in bars), default=0.0)
    worked = max((end for _, end, *_ in bars), default=0.0) - start
    worked -= sum(end - begin for begin, end in cuts)
    scale, unit = next((s, u) for s, u, least in _UNITS if worked >= least)

    def shorten(moment: float) -> float:
        cut = sum(end - begin for begin, end in cuts if end <= moment)
        return (moment - start - cut) / scale

    n_lanes = 1 + max((lane for *_, lane in bars), default=0)
    figure = make_figure(90 + 34 * n_lanes, bargap=0.25, barmode="overlay")
    figure.update_xaxes(title=unit + (", pauses cut out" if cuts else ""), rangemode="tozero")
    figure.update_yaxes(
        tickvals=list(range(1, n_lanes + 1)), range=[n_lanes + 0.6, 0.4], title="worker"
    )
    best = best_of(records)
    for colour in (COMPLETE, FADED, BEST):
        chosen = [bar for bar in bars if _colour(bar[2], best) == colour]
        figure.add_trace(
            Bar(
                orientation="h",
                y=[lane + 1 for *_, lane in chosen],
                base=[shorten(begin) for begin, *_ in chosen],
                x=[(end - begin) / scale for begin, end, *_ in chosen],
                marker={"color": colour, "line": {"width": 0}},
                **point_hover([record for _, _, record, _ in chosen]),
            )
        )
    for begin, _ in cuts:
        figure.add_vline(x=shorten(begin), line={"dash": "dot", "width": 1, "color": FADED})
    return figure


def _dots(
    records: Sequence[TrialRecord], shown: Sequence[int], x: Sequence[float], colour: str
) -> Scatter:
    return Scatter(
        x=[x[i] for i in shown],
        y=[records[i].value for i in shown],
        mode="markers",
        marker={"color": colour, "size": 6},
        **point_hover([records[i] for i in shown]),
    )


def _curve(record: TrialRecord, n_points: int, *, is_best: bool) -> dict[str, Any]:
    n = len(record.val_scores)
    kept = np.unique(np.linspace(0, n - 1, min(n, n_points)).round().astype(int)).tolist()
    is_complete = record.state == State.COMPLETE
    colour = BEST if is_best else COMPLETE if is_complete else FADED
    return {
        "type": "scatter",
        "x": [i + 1 for i in kept],
        "y": [float(f"{record.val_scores[i]:.5g}") for i in kept],
        "mode": "lines+markers" if n == 1 or is_best else "lines",
        "marker": {"size": 4},
        "line": {"color": colour, "width": 3 if is_best else 1.3},
        "opacity": 1 if is_best or not is_complete else 0.55,
        **line_hover(record, f"epoch %{{x}}: %{{y:{record.metric.format_spec}}}<br>"),
    }


def _lay_out(
    records: Sequence[TrialRecord], n_workers: int
) -> Iterator[tuple[float, float, TrialRecord, int]]:
    """Yield start, end, trial and lane: a free one, or the one that is free next.

    A worker may start its next trial before the end of its previous one is recorded.
    """
    timed = sorted(
        (r.started_at.timestamp(), r.ended_at.timestamp(), r.number, r)
        for r in records
        if r.started_at and r.ended_at
    )
    free_at: list[float] = []
    for begin, end, _, record in timed:
        lane = next((i for i, at in enumerate(free_at) if at <= begin), len(free_at))
        if lane == n_workers:
            lane = free_at.index(min(free_at))
            begin = min(free_at[lane], end)
        free_at[lane : lane + 1] = [end]
        yield begin, end, record, lane


def _find_pauses(
    bars: Sequence[tuple[float, float, TrialRecord, int]],
) -> list[tuple[float, float]]:
    """Find periods without a running trial that are long compared with the working time."""
    gaps, worked, until = [], 0.0, None
    for begin, end, *_ in bars:
        if until is not None and begin > until:
            gaps.append((until, begin))
        worked += max(0.0, end - max(begin, until or begin))
        until = max(end, until or end)
    return [gap for gap in gaps if gap[1] - gap[0] > _PAUSE * worked]


def _colour(record: TrialRecord, best: TrialRecord | None) -> str:
    if record.state != State.COMPLETE:
        return FADED
    return BEST if record is best else COMPLETE


def _focus(values: Sequence[float | None], metric: Metric) -> list[float]:
    """Choose an axis range that shows the better half of `values` well, without the worst."""
    known = np.array([value for value in values if value is not None])
    if metric.sign < 0:
        low, high = known.min(), np.quantile(known, 0.9)
        margin = 0.08 * (high - low) or 0.08 * high
        return [float(low - margin), float(high + margin)]
    low, high = np.quantile(known, 0.1), known.max()
    margin = max(0.08 * (high - low), 0.004)
    return [float(max(0.0, low - margin)), float(min(1.0, high) + margin)]
