"""What all tables of a study file share: frozen, strict, and helpful about misspelt keys."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from hpsearch.wording import suggest

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


def name_to_table(given: Any) -> Any:
    """Read ``"tpe"`` as ``{name = "tpe"}``, for tables with defaults for all else."""
    return {"name": given} if isinstance(given, str) else given
