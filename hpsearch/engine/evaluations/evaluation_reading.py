"""Test evaluations in ledger and record, each checked against the other."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpsearch.engine.evaluations.ledger import (
    FIELDS,
    Event,
    check_chain,
    read_ledger,
    read_record,
    without_chain,
)
from hpsearch.engine.search import SearchStudy
from hpsearch.foundations.metrics import ACCURACY, MEAN_SQUARED_ERROR, Metric
from hpsearch.foundations.text import shorten_ordinal

__all__ = ["Evaluations", "TestEvaluation", "read_evaluations"]

_NET = re.compile(r'"net_sha256": "([0-9a-f]{64})"')


@dataclass(frozen=True)
class TestEvaluation:
    """One finished evaluation on a test split.

    Parameters
    ----------
    study : str
        Study that the net is from.
    test_sha256 : str
        Checksum of the test data.
    net_sha256 : str
        Checksum of the net.
    n : int
        Number of test examples.
    unit : str
        What the examples are: images or rows.
    scores : dict
        The metric by its name, and secondary scores by theirs.
    low, high : float
        Ends of the metric's 95 % confidence interval.
    """

    __test__ = False  # not one of pytest's

    study: str
    test_sha256: str
    net_sha256: str
    n: int
    unit: str
    scores: Mapping[str, float]
    low: float
    high: float

    @property
    def metric(self) -> Metric:
        """The metric that was evaluated."""
        return ACCURACY if ACCURACY.name in self.scores else MEAN_SQUARED_ERROR

    @property
    def interval(self) -> str:
        """The confidence interval, formatted."""
        return f"95 % CI {self.metric.round(self.low)}-{self.metric.round(self.high)}"

    def describe_scores(self) -> str:
        """Format all scores in one line."""
        metric = self.metric
        head = f"{metric.test_name} {metric.format(self.scores[metric.name])} ({self.interval})"
        others = [f", test_{name} {self.scores[name]:.4g}" for name in metric.others]
        return f"{head}{''.join(others)}"

    def describe(self) -> str:
        """Format all scores and the number of examples in one line."""
        return f"{self.describe_scores()} on {self.n:,} {self.unit}"


@dataclass(frozen=True)
class Evaluations:
    """A study's test evaluations, and how often its workspace's test data have been used.

    Parameters
    ----------
    own : sequence of TestEvaluation
        The study's own finished evaluations, oldest first.
    begun : sequence of str
        Nets of the evaluations that the study began, finished or not.
    is_torn : bool
        Whether an event ``begun`` of this study was torn by a crash, so that its net is unknown.
    spent : sequence of (str, str, str)
        Test data's checksum, study and net of all evaluations in the workspace, oldest first.
    problems : sequence of str
        Where ledger and record disagree, or were changed.
    """

    own: Sequence[TestEvaluation]
    begun: Sequence[str]
    is_torn: bool
    spent: Sequence[tuple[str, str, str]]
    problems: Sequence[str]

    def find(self, net_sha256: str) -> TestEvaluation | None:
        """Return the study's evaluation of that net, if it was finished."""
        return next((one for one in self.own if one.net_sha256 == net_sha256), None)

    def of_net(self, net_sha256: str) -> "Evaluations":
        """Leave out the study's own evaluations of other nets."""
        return replace(self, own=[one for one in self.own if one.net_sha256 == net_sha256])

    def count(self, evaluation: TestEvaluation) -> dict[str, Any]:
        """Count the evaluations of the same test data.

        Returns
        -------
        dict
            ``evaluation``: the position of this one, from 1; ``evaluations``: their number;
            ``studies``: their studies, oldest first; ``note``: all that as a sentence.
        """
        same = [one for one in self.spent if one[0] == evaluation.test_sha256]
        position = 1 + same.index((evaluation.test_sha256, evaluation.study, evaluation.net_sha256))
        studies = [study for _, study, _ in same]
        of = f" of {len(same)} evaluations" if position < len(same) else " evaluation"
        note = (
            f"{shorten_ordinal(position)}{of} of these {evaluation.n:,} {evaluation.unit} in this "
            f"workspace: {', '.join(studies)}"
        )
        return {
            "evaluation": position,
            "evaluations": len(same),
            "studies": studies,
            "note": note,
        }


def read_evaluations(search: SearchStudy, ledger: Path) -> Evaluations:
    """Read ledger and record; an evaluation that either has counts as made.

    Parameters
    ----------
    search : SearchStudy
        The study.
    ledger : Path
        The workspace's ledger; need not exist.

    Raises
    ------
    StoreError
        If the ledger cannot be read.
    DamagedDataError
        If either has content that this program does not write.
    """
    study = search.definition.name
    listed, torn = read_ledger(ledger)
    recorded = read_record(search)
    own_listed = [event for event in listed if event["study"] == study]
    own = _in_order([*recorded, *own_listed])
    fragments = [text for text in torn if _may_be_of(text, study)]
    known = [match[1] for text in fragments if (match := _NET.search(text))]
    begun = dict.fromkeys([*(event["net_sha256"] for event in own), *known])
    scored = {
        event["net_sha256"]: TestEvaluation(**{name: event[name] for name in FIELDS["scored"]})
        for event in reversed(own)
        if event["event"] == "scored"
    }
    spent = {
        (event["test_sha256"], event["study"], event["net_sha256"]): None
        for event in _in_order([*recorded, *listed])
    }
    return Evaluations(
        own=[scored[net] for net in begun if net in scored],
        begun=list(begun),
        is_torn=len(fragments) > len(known),
        spent=list(spent),
        problems=[
            *check_chain(listed, str(ledger)),
            *check_chain(recorded, f"the record of {study}"),
            *_compare(recorded, own_listed, ledger, study),
        ],
    )


def _in_order(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: float(event["time"]))


def _compare(
    recorded: Sequence[Event], listed: Sequence[Event], ledger: Path, study: str
) -> Iterator[str]:
    """Yield differences between the two that a crash between two writes does not explain.

    The record is written first: a crash leaves a ``begun`` or a ``scored`` that only the
    record has, as the last event of that net.
    """
    in_record, in_ledger = _by_net(recorded), _by_net(listed)
    for net in {**in_record, **in_ledger}:
        has, listed_as = in_record.get(net, {}), in_ledger.get(net, {})
        what = f"the test evaluation of the net {net[:12]} of {study}"
        if not has or ("scored" in listed_as and "scored" not in has):
            yield f"{ledger} has {what}, which the record lacks or does not have whole"
        elif not listed_as and "scored" in has:
            yield (
                f"{ledger} lacks {what}, which the record has: it was made in another workspace, "
                "or the ledger was changed"
            )
        elif any(has[name] != listed_as[name] for name in has.keys() & listed_as.keys()):
            yield f"{ledger} and the record disagree about {what}"


def _by_net(events: Iterable[Event]) -> dict[str, dict[str, Event]]:
    """Group the events by net and name, without their hashes."""
    found: dict[str, dict[str, Event]] = {}
    for event in events:
        found.setdefault(event["net_sha256"], {})[event["event"]] = without_chain(event)
    return found


def _may_be_of(fragment: str, study: str) -> bool:
    """Whether a torn line may be the ``begun`` of a study."""
    head = f'{{"event": "begun", "study": {json.dumps(study)}, '
    return fragment.startswith(head) or head.startswith(fragment)
