"""Pictures of trials and of the study, drawn in a process beside the coordinator."""

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

_NEEDED_FOR_TRIALS = ("hpsearch.results", "hpsearch.plots")
_NEEDED_AT_THE_END = ("hpsearch.report", "scipy.cluster.hierarchy")

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class NetDrawings:
    """What is being drawn of the best net.

    Parameters
    ----------
    frames : Future
        The weight snapshots of its training, as pictures; see `make_frames`.
    pictures : Future
        Files.
    """

    frames: Future[dict[int, NDArray[np.uint8]]]
    pictures: Future[list[Path]]


class Drawer:
    """Draws in the order in which it is asked to; who asks goes on, and waits for the future.

    Parameters
    ----------
    session : Session
        The study.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._helper = HelperProcess(*_NEEDED_FOR_TRIALS)
        # All that it does is wait for the helper.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawer")

    def get_ready(self) -> None:
        """Import what the study's end needs: plotly and more, most of a second."""
        self._draw(_get_ready)

    def draw_trial(self, record: TrialRecord) -> Future[list[Path]]:
        """Curves and weights of a trial; nothing if it is to be run again."""
        return self._thread.submit(self._draw_trial, record)

    def draw_net(self, net: Net, snapshots: WeightSnapshots) -> NetDrawings:
        """The best net."""
        folder = self._session.folder.pictures
        return NetDrawings(
            frames=self._draw(make_frames, snapshots, net.schema.image_shape),
            pictures=self._draw(make_net_pictures, net, snapshots, folder),
        )

    def draw_study(self) -> Future[list[Path]]:
        """The study's page, as the study stands."""
        session = self._session
        return self._draw(_draw_study, session.search, session.folder, session.data)

    def close(self) -> None:
        """Begin nothing more, and end what is being drawn: nobody waits for it any more."""
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


def _get_ready() -> None:
    import_importances()
    for module in _NEEDED_AT_THE_END:
        import_module(module)


def _draw_study(search: SearchStudy, folder: StudyFolder, data: PreparedData) -> list[Path]:
    _get_ready()
    from hpsearch.report import write_report

    return [write_report(search, folder, data, folder.report)]
