"""``hpsearch check-trainer``: which guarantees hold for a study's trainer."""

import shlex
from pathlib import Path

from hpsearch.api.locations import make_options, repeat_options
from hpsearch.api.terminal.console import say
from hpsearch.cli.options import DataDirOption, StudyFileArgument, WorkspaceOption
from hpsearch.engine.definition import find_study_file, load_definition
from hpsearch.engine.scheduling import check_study_trainer
from hpsearch.foundations.errors import UsageError
from hpsearch.trainers.conformance import Check, describe_guarantees

__all__ = ["check_trainer"]

_OUTCOMES = {True: "holds", False: "does not hold", None: "not applicable"}


def check_trainer(
    study: StudyFileArgument = "quickstart",
    workspace: WorkspaceOption = Path("workspace"),
    data_dir: DataDirOption = None,
) -> None:
    """Train a study's trainer for two epochs, several times, and say which guarantees hold.

    Exits with code 2 if one of them does not hold; that an epoch is the same in a longer training
    is no condition. Runs in the same workspace show the outcome.

    Example: hpsearch check-trainer quickstart
    """
    definition = load_definition(find_study_file(study))
    options = make_options(workspace, data_dir=data_dir)
    results = []
    for result in check_study_trainer(definition, options):
        results.append(result)
        say(f"{result.check:<18} {_OUTCOMES[result.holds]:<15} {result.detail}")
    say(describe_guarantees(definition.trainer.path, results))
    # That trials of other lengths are not comparable is a property of a schedule, not an error.
    broken = [one.check for one in results if one.holds is False and one.check is not Check.PREFIX]
    if broken:
        raise UsageError(
            f"trainer {definition.trainer.path}: does not hold: {', '.join(broken)}; "
            "docs/trainers.md says what to change"
        )
    say(f"next:  hpsearch run {shlex.quote(study)}" + repeat_options(options, "--data-dir"))
