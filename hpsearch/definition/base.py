"""What all tables of a study file share: frozen, strict, and helpful about misspelt keys."""

import inspect
from typing import Any, Literal, Union, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema

from hpsearch.wording import suggest

__all__ = ["Table", "describe_keys", "named"]


class Table(BaseModel):
    """A table of a study file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The table's schema, with what its docstring says of each key."""
        schema = handler.resolve_ref_schema(handler(core))
        schema["description"] = (inspect.getdoc(cls) or "").partition("\n")[0]
        for name, (_, text) in describe_keys(cls).items():
            schema["properties"][name]["description"] = text
        return schema

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest_key(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for key in given:
                if key not in cls.model_fields:
                    raise ValueError(f"has no key {key!r}{suggest(str(key), cls.model_fields)}")
        return given


def named(*tables: type[Table]) -> BeforeValidator:
    """Read ``"tpe"`` as ``{name = "tpe"}``, for `tables` with defaults for all else."""
    names = tuple(get_args(table.model_fields["name"].annotation)[0] for table in tables)
    shapes: Any = Union[*tables, Literal.__getitem__(names)]
    return BeforeValidator(_name_to_table, json_schema_input_type=shapes)


def describe_keys(table: type[Table]) -> dict[str, tuple[str, str]]:
    """What the docstring of `table` says of each key: its kind, and what it means."""
    described: dict[str, tuple[str, str]] = {}
    names: list[str] = []
    for line in (inspect.getdoc(table) or "").partition("Parameters\n----------\n")[2].splitlines():
        if line and not line.startswith(" "):
            left, _, kind = line.partition(" : ")
            names = left.split(", ")
            described |= dict.fromkeys(names, (kind, ""))
        else:
            for name in names:
                kind, text = described[name]
                described[name] = kind, f"{text} {line.strip()}".strip()
    return described


def _name_to_table(given: Any) -> Any:
    return {"name": given} if isinstance(given, str) else given
