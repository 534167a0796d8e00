"""Figure of when each worker trained which trial."""

from collections.abc import Iterator, Sequence

from plotly.graph_objects import Bar, Figure

from hpsearch.engine.records import State, TrialRecord, best_of
from hpsearch.report.figure import BEST, COMPLETE, FADED, make_figure, point_hover

__all__ = ["draw_timeline"]

# Pauses longer than this share of the working time are cut out of the timeline.
_PAUSE = 0.1
# Units of the timeline: length in seconds, name, and shortest timeline in seconds to use it for.
_UNITS = ((3600, "hours", 10_000), (60, "minutes", 600), (1, "seconds", 0))


def draw_timeline(records: Sequence[TrialRecord], n_workers: int) -> tuple[Figure, float]:
    """Draw a lane for each worker and a bar for the training of each trial, without long pauses.

    Parameters
    ----------
    records : sequence of TrialRecord
        Trials; those without times are left out.
    n_workers : int
        Maximum number of concurrent trials, and of lanes.

    Returns
    -------
    figure : Figure
        The timeline.
    busy : float
        Share of the drawn lanes that the bars fill.
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
    filled = sum(end - begin for begin, end, *_ in bars)
    busy = filled / (n_workers * worked) if worked else 0.0
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
    return figure, busy


def _lay_out(
    records: Sequence[TrialRecord], n_workers: int
) -> Iterator[tuple[float, float, TrialRecord, int]]:
    """Yield start, end, trial and lane: a free one, or the one that is free next.

    A worker may start its next trial before the end of its previous one is recorded.
    """
    timed = sorted(
        (
            # What precedes the training is not the trial's: a worker that starts, a queue.
            max(r.started_at.timestamp(), r.ended_at.timestamp() - r.duration_s),
            r.ended_at.timestamp(),
            r.number,
            r,
        )
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
