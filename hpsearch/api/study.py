"""Studies in Python and notebooks: run them; read their status, trials, curves and best model."""

import html
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from hpsearch.api.locations import make_options, open_recorded_study
from hpsearch.api.run import run_study as conduct_study
from hpsearch.api.terminal.display import follow, open_display
from hpsearch.api.terminal.interruption import Interruption
from hpsearch.engine.definition import StudyDefinition, find_study_file, load_definition
from hpsearch.engine.models import Model
from hpsearch.engine.records import State
from hpsearch.engine.scheduling import RunOptions, prepare_recorded_data
from hpsearch.engine.search import SearchStudy, read_refits
from hpsearch.engine.selection import describe_verdict, find_best_model, read_verdict
from hpsearch.engine.status import read_status
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.environment_variables import Environment

__all__ = ["Study", "load_study", "run_study"]

_N_SHOWN = 5
# Columns of the table of trials that notebooks do not show.
_NOT_SHOWN = ["started_at", "ended_at", "reason", "ended_by_machine"]


@dataclass(frozen=True, repr=False)
class Study:
    """A study that has run, or is running in another process; read-only.

    Parameters
    ----------
    search : SearchStudy
        The study's record.
    folder : StudyFolder
        The study's files.
    options : RunOptions
        Options of the run.
    """

    search: SearchStudy
    folder: StudyFolder
    options: RunOptions

    @property
    def definition(self) -> StudyDefinition:
        """The study's definition."""
        return self.search.definition

    def status(self) -> dict[str, Any]:
        """Read the status that ``hpsearch status --json`` prints."""
        return read_status(self.search, self.folder, check=True).as_json()

    def trials(self) -> pd.DataFrame:
        """Tabulate all trials, one row each, by number.

        Returns
        -------
        DataFrame
            ``state``, the metric (such as ``val_accuracy``), a column for each hyperparameter
            that is searched, ``epochs_run``, ``duration_s``, ``started_at``, ``ended_at``,
            ``reason`` (why it failed), ``ended_by_machine``.
        """
        rows = [
            {
                "trial": record.number,
                "state": str(record.state),
                record.metric.val_name: record.value,
                **record.searched,
                "epochs_run": len(record.val_scores),
                "duration_s": record.duration_s,
                "started_at": record.started_at,
                "ended_at": record.ended_at,
                "reason": record.reason,
                "ended_by_machine": record.ended_by_machine,
            }
            for record in self.search.records()
        ]
        return pd.DataFrame(rows, columns=self._columns()).set_index("trial")

    def _columns(self) -> list[str]:
        names = self.definition.search.space.searched()
        end = ["epochs_run", "duration_s", *_NOT_SHOWN]
        return ["trial", "state", self.definition.metric.val_name, *names, *end]

    def curves(self) -> pd.DataFrame:
        """Tabulate validation scores, with a row for each epoch and a column for each trial."""
        curves = {r.number: pd.Series(r.val_scores, dtype=float) for r in self.search.records()}
        table = pd.DataFrame(curves)
        table.index = table.index + 1
        return table.rename_axis(index="epoch", columns="trial")

    def best_model(self) -> Model:
        """Load the model of the best complete trial; with folds that of its refit.

        Raises
        ------
        UsageError
            If no trial is complete; with folds, if the best trial has no complete refit.
        """
        data = prepare_recorded_data(self.search, self.options)
        records, refits = self.search.records(), read_refits(self.search)
        return find_best_model(self.definition, records, self.folder, data, refits)

    def __repr__(self) -> str:
        return f"<Study {self.definition.name}, {self.definition.trials} trials>"

    def _repr_html_(self) -> str:
        status = read_status(self.search, self.folder)
        lines = [
            *describe_verdict(read_verdict(self.search)),
            *(f"{one.text}: {one.note}" for one in status.evaluations),
        ]
        counts = status.trials.describe()
        trials = self.trials()
        metric = self.definition.metric
        complete = trials[trials["state"] == State.COMPLETE]
        best = complete.sort_values(metric.val_name, ascending=metric.sign < 0).head(_N_SHOWN)
        table: str = best.drop(columns=_NOT_SHOWN, errors="ignore").to_html()
        return (
            f"<b>{html.escape(status.study)}</b> ({status.state}): {counts}<br>"
            + "".join(f"{html.escape(line)}<br>" for line in lines)
            + table
        )


def run_study(
    study: StudyDefinition | Path | str, options: RunOptions | None = None, *, quiet: bool = False
) -> Study:
    """Run a study to its number of trials, or continue it: the same as ``hpsearch run``.

    Parameters
    ----------
    study : StudyDefinition or Path or str
        A definition, a study file, or the stem of one in ``studies/``.
    options : RunOptions, optional
        Options of the run; by default those of the environment variables that the command reads
        (``HPSEARCH_WORKSPACE``, ``HPSEARCH_DATA_DIR``, ...), with all cores.
    quiet : bool
        Print only the outcome.

    Returns
    -------
    Study
        The study after the run. If interrupted (Ctrl-C, or the kernel's stop button), the run
        stops after the current epochs; the same call continues it.

    Raises
    ------
    HpsearchError
        If the study cannot be opened or its stores fail; nothing that was recorded is lost.
    """
    if isinstance(study, StudyDefinition):
        definition = study
    else:
        definition = load_definition(find_study_file(str(study)))
    options = options or _read_environment()
    with (
        Interruption(owns_process=False) as interruption,
        open_display(definition.name, options, quiet=quiet) as display,
    ):
        for event in conduct_study(definition, options, interruption.stop):
            follow(event, interruption)
            display.show(event)
    return load_study(definition.name, options)


def load_study(study: Path | str, options: RunOptions | None = None) -> Study:
    """Load a study that has run before, by its name or its file.

    Parameters
    ----------
    study : Path or str
        Name or file of the study.
    options : RunOptions, optional
        As for `run_study`.

    Raises
    ------
    UsageError
        If there is no study of that name; the message suggests the most similar name.
    """
    options = options or _read_environment()
    return Study(*open_recorded_study(str(study), options), options)


def _read_environment() -> RunOptions:
    environment = Environment.read()
    options = make_options(
        environment.workspace,
        data_dir=environment.data_dir,
        storage=environment.storage,
        tracking_uri=environment.tracking_uri,
    )
    return replace(options, backend=environment.backend)
