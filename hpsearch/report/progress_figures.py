"""Figures of a study's progress: the best score so far, the learning curves."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from markupsafe import escape
from plotly.graph_objects import Figure, Scatter

from hpsearch.engine.records import State, TrialRecord
from hpsearch.foundations.metrics import Metric
from hpsearch.report.figure import (
    BEST,
    COMPLETE,
    FADED,
    STUDIES,
    line_hover,
    make_figure,
    point_hover,
    with_traces,
)

__all__ = [
    "draw_best_so_far",
    "draw_learning_curves",
    "draw_progress_of_studies",
]

# Maximum number of points of all curves together, and minimum of a single curve.
_MAX_POINTS, _MIN_POINTS = 24_000, 12
# Values that need an axis this much longer than that of the better ones get a panel of their own.
_FAR = 2.5


def draw_best_so_far(records: Sequence[TrialRecord], threads: int) -> tuple[Figure, bool]:
    """Draw the best validation score so far and all trials over the core-seconds of training.

    Parameters
    ----------
    records : sequence of TrialRecord
        Trials, at least one of them complete.
    threads : int
        Number of cores used by each trial.

    Returns
    -------
    figure : Figure
        Where a few trials are far from the others, it has two panels with the same horizontal
        axis: above the range of the others, below that of all.
    is_split : bool
        Whether it has two panels.
    """
    ended, spent = _order_by_end(records, threads)
    metric = ended[0].metric
    values = [r.value for r in ended if r.state != State.FAILED and r.value is not None]
    focus = _focus([r.value for r in ended if r.state == State.COMPLETE], metric)
    is_split = _is_far_off(values, focus)
    figure = make_figure(470 if is_split else 340)
    figure.update_xaxes(title="core-seconds of training", rangemode="tozero")
    for axis in ("y", "y2") if is_split else ("y",):
        figure.add_trace(_best_line(ended, spent, BEST).update(yaxis=axis))
        for state, colour in ((State.PRUNED, FADED), (State.COMPLETE, COMPLETE)):
            shown = [i for i, r in enumerate(ended) if r.state == state and r.value is not None]
            figure.add_trace(_dots(ended, shown, spent, colour).update(yaxis=axis))
    figure.update_layout(yaxis={"title": {"text": metric.val_name}})
    if is_split:
        figure.update_layout(
            xaxis={"anchor": "y2"},
            yaxis={"range": focus, "domain": [0.42, 1]},
            yaxis2={"title": {"text": "all trials"}, "domain": [0, 0.32], "anchor": "x"},
        )
    return figure, is_split


def draw_progress_of_studies(studies: Mapping[str, tuple[Sequence[TrialRecord], int]]) -> Figure:
    """Draw the best validation score so far of each study over the core-seconds of training.

    Parameters
    ----------
    studies : mapping
        By name: trials, at least one of them complete, and number of cores used by each.
    """
    figure = make_figure(380, showlegend=True, legend={"orientation": "h", "y": 1.08})
    figure.update_xaxes(title="core-seconds of training", rangemode="tozero")
    for index, (name, (records, threads)) in enumerate(studies.items()):
        ended, spent = _order_by_end(records, threads)
        line = _best_line(ended, spent, STUDIES[index % len(STUDIES)])
        hover = f"{name}: %{{y:{ended[0].metric.format_spec}}} at %{{x:.3g}} s<extra></extra>"
        figure.add_trace(line.update(name=name, hoverinfo=None, hovertemplate=escape(hover)))
        figure.update_yaxes(title=ended[0].metric.val_name)
    return figure


def _order_by_end(
    records: Sequence[TrialRecord], threads: int
) -> tuple[list[TrialRecord], list[float]]:
    """Order the finished trials by their end; the core-seconds of training until each."""
    ended = sorted(
        (r for r in records if r.state.is_finished and r.ended_at),
        key=lambda r: (r.ended_at or datetime.min, r.number),
    )
    return ended, (threads * np.cumsum([record.duration_s for record in ended])).tolist()


def _best_line(ended: Sequence[TrialRecord], spent: Sequence[float], colour: str) -> Scatter:
    metric = ended[0].metric
    scores = [
        metric.sign * r.value if r.state == State.COMPLETE and r.value is not None else -np.inf
        for r in ended
    ]
    best = np.maximum.accumulate(scores)
    first = int(np.argmax(np.isfinite(best)))
    return Scatter(
        x=spent[first:],
        y=(metric.sign * best[first:]).tolist(),
        mode="lines",
        line={"shape": "hv", "color": colour, "width": 2.5},
        hoverinfo="skip",
    )


def _is_far_off(values: Sequence[float], focus: Sequence[float]) -> bool:
    """Whether showing all `values` on one axis would press those in `focus` together."""
    span = max(values) - min(values)
    return span > _FAR * (focus[1] - focus[0])


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


def _focus(values: Sequence[float | None], metric: Metric) -> list[float]:
    """Choose an axis range for the better three quarters of `values`."""
    known = np.array([value for value in values if value is not None])
    if metric.sign < 0:
        low, high = known.min(), np.quantile(known, 0.75)
        margin = 0.08 * (high - low) or 0.08 * high
        return [float(low - margin), float(high + margin)]
    low, high = np.quantile(known, 0.25), known.max()
    margin = max(0.08 * (high - low), 0.004)
    return [float(max(0.0, low - margin)), float(min(1.0, high) + margin)]
