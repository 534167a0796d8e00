"""What all figures of the page share: colours that hold on white and on black, and the hover."""

from collections.abc import Sequence
from typing import Any

from markupsafe import escape
from plotly.graph_objects import Figure

from hpsearch.records import State, TrialRecord
from hpsearch.wording import shorten_duration, shorten_number

__all__ = [
    "BEST",
    "COMPLETE",
    "FADED",
    "MUTED",
    "describe_trial",
    "make_figure",
    "naming",
    "naming_whole",
    "with_traces",
]

# Okabe & Ito 2008, lightened so that they stand out from a dark page too.
COMPLETE, BEST, FADED = "#2f8fd0", "#e0692a", "rgba(140,140,140,0.45)"
MUTED = "#8a8f96"

_MARGINS = {"l": 52, "r": 12, "t": 12, "b": 44}


def make_figure(height: int, **layout: Any) -> Figure:
    """An empty figure; text and grid get their colours in the page, which knows light and dark."""
    return Figure(
        layout={
            # The default template's colours, 7 kB in each figure, are the page's to choose.
            "template": "none",
            "height": height,
            "margin": _MARGINS,
            "showlegend": False,
            "hovermode": "closest",
            # A finger that scrolls the page is not to draw a rectangle.
            "dragmode": False,
            **layout,
        }
    )


def with_traces(figure: Figure, traces: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`figure` with plain traces, which plotly does not check: 2 ms each, and there are many."""
    return {**figure.to_plotly_json(), "data": list(traces)}


def naming(records: Sequence[TrialRecord]) -> dict[str, Any]:
    """What has each point show its trial; the page holds the texts, once for all figures."""
    return {
        "customdata": [record.number for record in records],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def naming_whole(record: TrialRecord, lead: str = "") -> dict[str, Any]:
    """The same for a line that is one trial's."""
    return {"meta": record.number, "hovertemplate": f"{lead}%{{hovertext}}<extra></extra>"}


def describe_trial(record: TrialRecord) -> str:
    """What is shown of a trial under the pointer."""
    metric = record.metric
    note = " (diverged)" if record.diverged else ""
    lines = [
        f"<b>trial {record.number}</b> {record.state.lower()}{note}",
        f"{metric.val_name} {metric.format(record.value)}",
    ]
    if record.state == State.PRUNED:
        lines[1] += f" when pruned, epoch {len(record.val_scores)}"
    lines += [f"{name} {escape(shorten_number(value))}" for name, value in record.searched.items()]
    lines += [f"training {shorten_duration(record.duration_s)}"]
    if record.reason:
        lines.append(str(escape(record.reason[:80])))
    return "<br>".join(lines)
