"""The study and its best net in the terms of MLflow's pages."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpsearch.coordinator.session import Session
from hpsearch.coordinator.summary import summarise_net, summarise_study
from hpsearch.data import open_split
from hpsearch.records import TrialRecord
from hpsearch.results import Net, Verdict, measure_verdict
from hpsearch.tracking import NetView, StudyView
from hpsearch.vault import Look, read_looks
from hpsearch.versions import code_version, package_versions

__all__ = ["describe_origin", "view_net", "view_study"]

_N_EXAMPLES = 2


def view_study(
    session: Session,
    status: str,
    records: Sequence[TrialRecord],
    verdict: Verdict,
    files: Sequence[Path],
) -> StudyView:
    """The study as its page shall show it, with the looks at the test split so far."""
    looks = read_looks(session.folder.test_ledger)
    return StudyView(
        status=status,
        summary=summarise_study(session.definition, records, verdict, looks),
        records=records,
        metrics=measure_verdict(verdict) | _measure(looks),
        files=files,
    )


def view_net(
    session: Session, net: Net, frames: Mapping[int, NDArray[np.uint8]], verdict: Verdict
) -> NetView:
    """The best net as the registry shall have it, with its score on the test split, if any."""
    looks = read_looks(session.folder.test_ledger)
    examples = open_split(session.data).validation_images[:_N_EXAMPLES]
    scores = [look for look in looks if look.net_sha256 == net.sha256()]
    return NetView(
        folder=session.folder.best_net,
        sha256=net.sha256(),
        trial=net.facts["trial"],
        example=examples.reshape(-1, *net.image_shape),
        summary=summarise_net(net, verdict, looks),
        frames=frames,
        tags={
            "trial": str(net.facts["trial"]),
            "val_accuracy": str(net.facts["val_accuracy"]),
            **{name: str(value) for name, value in _measure(scores).items()},
        },
    )


def describe_origin(session: Session) -> tuple[dict[str, object], dict[str, str]]:
    """The data set, and the tags that all runs get: code, seed, data, versions."""
    data = session.data
    described: dict[str, object] = {
        "name": data.name,
        "source": data.source,
        "checksum": data.checksum,
        "shape": [data.cut.n_train, *data.image_shape],
    }
    tags = {
        "mlflow.source.name": f"hpsearch run {session.definition.name}",
        "mlflow.source.type": "LOCAL",
        "seed": str(session.definition.seed),
        "code_version": code_version(),
        "data_checksum": data.checksum,
        **{f"version.{name}": number for name, number in package_versions().items()},
    }
    return described, tags


def _measure(looks: Sequence[Look]) -> dict[str, float]:
    if not looks:
        return {}
    return {
        "test_accuracy": looks[-1].accuracy,
        "test_accuracy_first_1000": looks[-1].accuracy_first_1000,
        "test_looks": float(len(looks)),
    }
