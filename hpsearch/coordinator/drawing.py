"""Pictures of trials and of the study, drawn in a helper process of the coordinator."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from hpsearch.coordinator.session import Session
from hpsearch.data import PreparedData
from hpsearch.execution import HelperProcess
from hpsearch.records import TrialRecord
from hpsearch.results import (
    Net,
    make_frames,
    make_net_pictures,
    make_trial_pictures,
    trial_preprocessing,
)
from hpsearch.search import SearchStudy, import_importances
from hpsearch.training import WeightSnapshots
from hpsearch.workspace import StudyFolder

__all__ = ["Drawer", "NetDrawings"]

_MODULES_FOR_TRIALS = ("hpsearch.results", "hpsearch.plots")
_MODULES_FOR_THE_END = ("hpsearch.report", "scipy.cluster.hierarchy")

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class NetDrawings:
    """Pictures of the best net that are being drawn.

    Parameters
    ----------
    frames : Future
        The weight snapshots of its training, as pictures; see `make_frames`.
    pictures : Future
        Files that `make_net_pictures` writes.
    """

    frames: Future[dict[int, NDArray[np.uint8]]]
    pictures: Future[list[Path]]


class Drawer:
    """Draws pictures in the background, in the order of the calls; each call returns a future.

    Parameters
    ----------
    session : Session
        The study.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._helper = HelperProcess(*_MODULES_FOR_TRIALS)
        # The thread only waits for the helper process.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawer")

    def warm_up(self) -> None:
        """Import what the study's end needs, plotly and more, which takes most of a second."""
        self._draw(_warm_up)

    def draw_trial(self, record: TrialRecord) -> Future[list[Path]]:
        """Draw a trial's curves and weights; nothing if the trial has not finished."""
        return self._thread.submit(self._draw_trial, record)

    def draw_net(self, net: Net, snapshots: WeightSnapshots) -> NetDrawings:
        """Draw the weights of the best net, and their snapshots by epoch."""
        folder = self._session.folder.pictures
        return NetDrawings(
            frames=self._draw(make_frames, snapshots, net.schema.image_shape),
            pictures=self._draw(make_net_pictures, net, snapshots, folder),
        )

    def draw_study(self) -> Future[list[Path]]:
        """Write the study's page, with its trials so far."""
        session = self._session
        return self._draw(_draw_study, session.search, session.folder, session.data)

    def close(self) -> None:
        """Cancel all drawing, that in progress too."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._helper.close(kill=True)

    def _draw(
        self, draw: Callable[Arguments, Answer], *what: Arguments.args, **how: Arguments.kwargs
    ) -> Future[Answer]:
        return self._thread.submit(lambda: self._helper.run(draw, *what, **how))

    def _draw_trial(self, record: TrialRecord) -> list[Path]:
        if not record.state.is_finished:
            return []
        session = self._session
        return self._helper.run(
            make_trial_pictures,
            session.folder.trial(record.number),
            f"{session.definition.name}, trial {record.number}",
            record.metric,
            trial_preprocessing(record, session.data),
            session.data.image_shape,
        )


def _warm_up() -> None:
    import_importances()
    for module in _MODULES_FOR_THE_END:
        import_module(module)


def _draw_study(search: SearchStudy, folder: StudyFolder, data: PreparedData) -> list[Path]:
    _warm_up()
    from hpsearch.report import write_report

    return [write_report(search, folder, data, folder.report)]
