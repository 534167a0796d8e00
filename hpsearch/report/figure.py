"""Shared parts of the page's figures: colours for light and dark backgrounds, hover texts."""

from collections.abc import Sequence
from typing import Any

from markupsafe import escape
from plotly.graph_objects import Figure

from hpsearch.engine.records import State, TrialRecord
from hpsearch.foundations.text import shorten_duration, shorten_number

__all__ = [
    "BEST",
    "COMPLETE",
    "FADED",
    "MUTED",
    "STUDIES",
    "describe_trial",
    "line_hover",
    "make_figure",
    "point_hover",
    "with_traces",
]

# Okabe & Ito 2008, lightened for contrast on a dark page too.
COMPLETE, BEST, FADED = "#2f8fd0", "#e0692a", "rgba(140,140,140,0.45)"
MUTED = "#8a8f96"
# Of studies that are compared; Okabe & Ito 2008.
STUDIES = ("#2f8fd0", "#e0692a", "#009e73", "#cc79a7", "#b8a800", "#8a8f96")

_MARGINS = {"l": 52, "r": 12, "t": 12, "b": 44}


def make_figure(height: int, **layout: Any) -> Figure:
    """Make an empty figure; the page sets the colours of text and grid for light or dark mode."""
    return Figure(
        layout={
            # The default template adds 7 kB of colours to each figure, which the page overrides.
            "template": "none",
            "height": height,
            "margin": _MARGINS,
            "showlegend": False,
            "hovermode": "closest",
            # Scrolling the page by touch must not draw a selection rectangle.
            "dragmode": False,
            **layout,
        }
    )


def with_traces(figure: Figure, traces: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add plain traces to `figure`; plotly's validation would take 2 ms for each of them."""
    return {**figure.to_plotly_json(), "data": list(traces)}


def point_hover(records: Sequence[TrialRecord]) -> dict[str, Any]:
    """Make hover properties for points that are trials; the page holds the texts only once."""
    return {
        "customdata": [record.number for record in records],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def line_hover(record: TrialRecord, lead: str = "") -> dict[str, Any]:
    """Make hover properties for a line that is one trial."""
    return {"meta": record.number, "hovertemplate": f"{lead}%{{hovertext}}<extra></extra>"}


def describe_trial(record: TrialRecord) -> str:
    """Format a trial's hover text."""
    metric = record.metric
    note = " (diverged)" if record.diverged else ""
    lines = [
        f"<b>trial {record.number}</b> {record.state.label}{note}",
        f"{metric.val_name} {metric.format(record.value)}",
    ]
    if record.state == State.PRUNED:
        lines[1] += f" when pruned, epoch {len(record.val_scores)}"
    lines += [f"{name} {escape(shorten_number(value))}" for name, value in record.searched.items()]
    lines += [f"training {shorten_duration(record.duration_s)}"]
    if record.reason:
        lines.append(str(escape(record.reason[:80])))
    return "<br>".join(lines)
