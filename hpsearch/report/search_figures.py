"""Figures of the search space: parallel coordinates, importances, contour, ablation, slices."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import optuna
from optuna.visualization import plot_contour, plot_parallel_coordinate
from plotly.graph_objects import Bar, Figure, Scatter

from hpsearch.engine.definition import Choices, ParameterSpace, Range, SearchSpace
from hpsearch.engine.records import State, TrialRecord, rank
from hpsearch.engine.search import Importance
from hpsearch.foundations.metrics import Metric
from hpsearch.report.figure import (
    BEST,
    COMPLETE,
    FADED,
    MUTED,
    line_hover,
    make_figure,
    point_hover,
    with_traces,
)

__all__ = [
    "draw_ablation",
    "draw_contour",
    "draw_importances",
    "draw_parallel",
    "draw_slice",
]

# Choices whose largest and smallest number have this ratio or more get a logarithmic axis.
_WIDE = 30
# Maximum number of highlighted trials besides the best one.
_N_GOOD = 20


def draw_parallel(
    study: optuna.Study, names: Sequence[str], complete: Sequence[TrialRecord]
) -> dict[str, Any] | None:
    """Draw Optuna's parallel coordinates of the `complete` trials; None if they are too few."""
    quiet = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        figure = plot_parallel_coordinate(
            study, params=list(names), target_name=complete[0].metric.val_name
        )
    except (ValueError, RuntimeError, ZeroDivisionError):
        return None
    finally:
        optuna.logging.set_verbosity(quiet)
    # After the trials' lines comes their colour bar, which a page with fixed colours does not need.
    lines = figure.to_plotly_json()["data"][: len(complete)]
    if len(complete) < 2 or len(figure.data) != len(complete) + 1:
        return None
    places = {record.number: place for place, record in enumerate(rank(complete))}
    n_good = min(_N_GOOD, len(complete) // 5)
    drawn = sorted(zip(lines, complete, strict=True), key=lambda pair: -places[pair[1].number])
    for line, record in drawn:
        place = places[record.number]
        colour = BEST if not place else COMPLETE if place <= n_good else FADED
        line |= {"line": {"color": colour, "width": 1.3 if place else 3}, "opacity": 1}
        line.pop("customdata", None)
        line |= line_hover(record)
    axes = figure.layout
    parallel = make_figure(380, margin={"l": 34, "r": 20, "t": 12, "b": 60})
    parallel.update_layout(
        shapes=axes.shapes, annotations=axes.annotations, xaxis=axes.xaxis, yaxis=axes.yaxis
    )
    parallel.update_shapes(line={"color": FADED, "width": 1})
    parallel.update_annotations(font={"color": MUTED, "size": 10})
    named = [complete[0].metric.val_name, *axes.xaxis.ticktext[1:]]
    # Broken after each word, so that six names fit side by side on a phone.
    parallel.update_xaxes(ticktext=[name.replace("_", "_<br>") for name in named])
    return with_traces(parallel, [line for line, _ in drawn])


def draw_importances(importances: Mapping[str, Importance]) -> Figure:
    """Draw a bar and an interval for each hyperparameter, the largest on top."""
    names = list(importances)[::-1]
    shown = [importances[name] for name in names]
    figure = make_figure(80 + 30 * len(names), margin={"l": 150, "r": 20, "t": 8, "b": 44})
    figure.update_xaxes(title="share of the importance", tickformat=".0%", rangemode="tozero")
    figure.add_trace(
        Bar(
            orientation="h",
            x=[one.share for one in shown],
            y=names,
            marker={"color": COMPLETE},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [max(0.0, one.high - one.share) for one in shown],
                "arrayminus": [max(0.0, one.share - one.low) for one in shown],
                "color": BEST,
                "thickness": 1.5,
            },
            customdata=[[one.low, one.high] for one in shown],
            hovertemplate="%{y}: %{x:.0%} (%{customdata[0]:.0%} to %{customdata[1]:.0%})"
            "<extra></extra>",
        )
    )
    return figure


def draw_contour(study: optuna.Study, first: str, second: str) -> Figure | None:
    """Draw Optuna's contour plot of two hyperparameters; None if the trials are too few."""
    quiet = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        drawn = plot_contour(study, params=[first, second])
    except (ValueError, RuntimeError, ZeroDivisionError):
        return None
    finally:
        optuna.logging.set_verbosity(quiet)
    if not drawn.data:
        return None
    contour, dots = drawn.data[0], drawn.data[1]
    is_better_high = study.direction == optuna.study.StudyDirection.MAXIMIZE
    contour.update(
        # From transparent to blue: works on light and dark backgrounds.
        colorscale=[[0, "rgba(47,143,208,0)"], [1, "rgba(47,143,208,0.9)"]],
        reversescale=not is_better_high,
        showscale=False,
        line={"width": 0.5, "color": FADED},
        hoverinfo="skip",
    )
    dots.update(marker={"color": MUTED, "size": 5, "line": {"width": 0}}, hoverinfo="skip")
    figure = make_figure(420, margin={"l": 60, "r": 12, "t": 12, "b": 48})
    figure.add_traces([contour, dots])
    axes = drawn.layout
    figure.update_xaxes(title=axes.xaxis.title.text, type=axes.xaxis.type, range=axes.xaxis.range)
    figure.update_yaxes(title=axes.yaxis.title.text, type=axes.yaxis.type, range=axes.yaxis.range)
    return figure


def draw_ablation(
    whole: Sequence[float], without: Mapping[str, Sequence[float]], metric: Metric
) -> Figure:
    """Draw how much each change alters the score: bars for means, dots for seeds, worst on top."""
    base = fmean(whole)
    names = sorted(without, key=lambda change: metric.sign * fmean(without[change]), reverse=True)
    figure = make_figure(90 + 28 * len(names), margin={"l": 160, "r": 40, "t": 8, "b": 44})
    figure.update_xaxes(
        title=f"{metric.val_name}, change from the whole setting's {metric.format(base)}"
    )
    figure.add_trace(
        Bar(
            orientation="h",
            x=[fmean(without[name]) - base for name in names],
            y=names,
            marker={"color": COMPLETE},
            hovertemplate="%{y}: %{x:+.4g}<extra></extra>",
        )
    )
    dots = [(value - base, name) for name in names for value in without[name]]
    figure.add_trace(
        Scatter(
            x=[x for x, _ in dots],
            y=[name for _, name in dots],
            mode="markers",
            marker={"color": BEST, "size": 6},
            hovertemplate="%{y}: %{x:+.4g}<extra></extra>",
        )
    )
    figure.add_vrect(x0=min(whole) - base, x1=max(whole) - base, fillcolor=FADED, line_width=0)
    return figure


def draw_slice(
    name: str, space: SearchSpace, records: Sequence[TrialRecord], best: TrialRecord | None
) -> Figure:
    """Draw the score of every trial over one hyperparameter, on the scale of its search."""
    figure = make_figure(230, margin={"l": 46, "r": 8, "t": 8, "b": 44})
    searched = space.searched()[name]
    figure.update_xaxes(title=name, **_axis_of(searched))
    groups = {
        FADED: [r for r in records if r.state == State.PRUNED],
        COMPLETE: [r for r in records if r.state == State.COMPLETE and r is not best],
        BEST: [best] if best else [],
    }
    for colour, chosen in groups.items():
        values = [record.hyperparameters[name] for record in chosen]
        figure.add_trace(
            Scatter(
                x=[str(v) for v in values] if _is_named(searched) else values,
                y=[record.value for record in chosen],
                mode="markers",
                marker={"color": colour, "size": 10 if colour == BEST else 6, "opacity": 0.85},
                **point_hover(chosen),
            )
        )
    return figure


def _is_named(searched: ParameterSpace) -> bool:
    """Whether the choices are categories on the axis: names, or numbers of similar size."""
    return isinstance(searched, Choices) and not _is_wide(searched)


def _is_wide(searched: Choices[Any]) -> bool:
    numbers = [v for v in searched.choices if isinstance(v, int | float) and v > 0]
    return len(numbers) == len(searched.choices) and max(numbers) >= _WIDE * min(numbers)


def _axis_of(searched: ParameterSpace) -> dict[str, Any]:
    if isinstance(searched, Range) and searched.log:
        return {"type": "log", **_ticks_between(searched.low, searched.high)}
    if isinstance(searched, Choices):
        if _is_named(searched):
            order = [str(value) for value in searched.choices]
            return {"type": "category", "categoryorder": "array", "categoryarray": order}
        numbers = [value for value in searched.choices if not isinstance(value, str)]
        return {"type": "log", **_ticks_between(min(numbers), max(numbers))}
    return {"type": "linear", "nticks": 6}


def _ticks_between(low: float, high: float) -> dict[str, Any]:
    """Choose decades as ticks, and 1, 2 and 5 times each if there are less than two."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if math.log10(high / low) < 2 else (1,)
    values = [step * 10.0**power for power in range(first, last + 1) for step in steps]
    kept = [value for value in values if 0.7 * low <= value <= 1.4 * high]
    return {"tickvals": kept, "ticktext": [f"{value:.4g}" for value in kept]}
