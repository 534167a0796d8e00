"""What all tables of a study file share: frozen, strict, and helpful about misspelt keys."""

import difflib
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["Table", "name_to_table"]


class Table(BaseModel):
    """A table of a study file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest_key(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for key in given:
                if key not in cls.model_fields:
                    raise ValueError(f"has no key {key!r}{suggest(str(key), cls.model_fields)}")
        return given


def suggest(given: str, known: Any) -> str:
    """Words to append to a message about an unknown name: the nearest right one, or all."""
    nearest = difflib.get_close_matches(given, list(known), n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else f"; known are {', '.join(known)}"


def name_to_table(given: Any) -> Any:
    """Read ``"tpe"`` as ``{name = "tpe"}``, for tables with defaults for all else."""
    return {"name": given} if isinstance(given, str) else given
