"""Template of a search space, from the hyperparameters that a trainer declares."""

import json
from typing import Any, get_args

from pydantic.fields import FieldInfo

from hpsearch.trainers import Trainer

__all__ = ["describe_space"]

_BOUNDS = ("ge", "gt", "le", "lt")
_UNDECLARED = """\
# {trainer} declares no hyperparameters: name those that it reads, such as
# alpha = {{ low = 1e-4, high = 1.0, log = true }}
{epochs}"""


def describe_space(trainer: type[Trainer]) -> str:
    """Describe a search space of `trainer` in TOML, to begin from.

    Hyperparameters with a default are fixed at it. For the others a range is guessed from their
    bounds; choices are all searched.
    """
    epochs = "epochs = { low = 5, high = 20 }\n" if trainer.has_epochs else ""
    if trainer.Hyperparameters is None:
        return _UNDECLARED.format(trainer=trainer.__name__, epochs=epochs)
    fields = trainer.Hyperparameters.model_fields
    lines = [
        f"{name} = {_describe(field)}{f'   # {text}' if (text := field.description) else ''}\n"
        for name, field in fields.items()
    ]
    return "".join(lines) + ("" if "epochs" in fields else epochs)


def _describe(field: FieldInfo) -> str:
    if not field.is_required():
        return _format(field.default)
    if field.annotation not in (float, int):
        choices = get_args(field.annotation) or (False, True)
        return f"{{ choices = [{', '.join(map(_format, choices))}] }}"
    low, high = _find_ends(field)
    if field.annotation is int:
        return f"{{ low = {int(low)}, high = {int(high)} }}"
    log = ", log = true" if low > 0 else ""
    return f"{{ low = {float(low)!r}, high = {float(high)!r}{log} }}"


def _find_ends(field: FieldInfo) -> tuple[float, float]:
    """Guess the ends of a range from the declared bounds."""
    bounds = {
        bound: float(getattr(one, bound))
        for one in field.metadata
        for bound in _BOUNDS
        if hasattr(one, bound)
    }
    is_int = field.annotation is int
    low = bounds.get("ge", bounds["gt"] + (1 if is_int else 1e-3) if "gt" in bounds else None)
    high = bounds.get("le", bounds["lt"] - (1 if is_int else 1e-3) if "lt" in bounds else None)
    if low is None:
        low = 1.0 if is_int else 1e-3
    if high is None:
        high = max(low, 1.0) * (16 if is_int else 1)
    return low, high if high > low else low + 1


def _format(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else json.dumps(value)
