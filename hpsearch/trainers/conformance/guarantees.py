"""The guarantees that hold for a trainer, in a line."""

from collections.abc import Iterable

from hpsearch.trainers.conformance.judging import Check, CheckResult

__all__ = ["describe_guarantees"]

# For each check: what its results say if it holds, and if not.
_PHRASES = {
    Check.JOB: ("", "cannot be sent to workers"),
    Check.TRAINING: ("", "fails"),
    Check.DETERMINISTIC: (
        "deterministic",
        "not deterministic (a trial that is repeated or resumed may have another result)",
    ),
    Check.RESUMABLE: (
        "resumable",
        "not exactly resumable (a trial that was stopped has another result)",
    ),
    Check.THREADS: (
        "independent of threads",
        "not independent of threads (results vary with `threads_per_trial`)",
    ),
    Check.PREFIX: (
        "prefix-stable",
        "not prefix-stable (pruned trials of other lengths are not comparable)",
    ),
    Check.STATE: ("", "its state cannot be saved"),
    Check.GLOBAL_GENERATORS: (
        "",
        "uses a global random generator (results may depend on other trials of the process)",
    ),
    Check.PREDICTION: ("", "its predictions are not reproducible from the saved model"),
}
_NO_STATE = "without a state that is saved (a stopped trial starts again, and no model is kept)"


def describe_guarantees(trainer: str, results: Iterable[CheckResult]) -> str:
    """Describe in one line which guarantees hold for a trainer.

    Parameters
    ----------
    trainer : str
        Its name or import path.
    results : iterable of CheckResult
        What `check_trainer` yielded.
    """
    by_check = {result.check: result for result in results}
    kept, broken = [], []
    for check, (if_kept, if_broken) in _PHRASES.items():
        match by_check.get(check):
            case CheckResult(holds=True) if if_kept:
                kept.append(if_kept)
            case CheckResult(holds=False, detail=detail):
                is_fatal = check in (Check.JOB, Check.TRAINING)
                broken.append(f"{if_broken}: {detail}" if is_fatal else if_broken)
            case CheckResult(holds=None) if check is Check.STATE:
                broken.append(_NO_STATE)
            case _:
                pass
    parts = [", ".join(part) for part in (kept, broken) if part]
    return f"trainer {trainer}: {'; '.join(parts)}"
