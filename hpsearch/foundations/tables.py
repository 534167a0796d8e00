"""Base class of the tables of a study file: frozen, strict, with hints for misspelt keys."""

import inspect
from typing import Any, ClassVar, Literal, Union, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails

from hpsearch.foundations.text import suggest

__all__ = ["Table", "named", "reword_error"]

# By pydantic's error type for a bound: its key in the error's context, and its wording.
_BOUNDS = {
    "greater_than": ("gt", "above {:g}"),
    "greater_than_equal": ("ge", "{:g} or more"),
    "less_than": ("lt", "below {:g}"),
    "less_than_equal": ("le", "{:g} or less"),
}


# Wording of pydantic's error types for a value of another type.
_KINDS = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a string",
    "dict_type": "a table",
    "model_type": "a table",
    "tuple_type": "a list",
    "too_short": "at least 1 item",
}


class Table(BaseModel):
    """A table of a study file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    renamed: ClassVar[dict[str, str]] = {}
    """Former keys, and their replacements."""

    @classmethod
    def describe_keys(cls) -> dict[str, tuple[str, str]]:
        """Return type and description of each key, from the class's docstring."""
        return _read_parameters(inspect.getdoc(cls) or "")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON schema, with descriptions of the keys from the class's docstring."""
        schema = handler.resolve_ref_schema(handler(core))
        schema["description"] = (inspect.getdoc(cls) or "").partition("\n")[0]
        for name, (_, text) in cls.describe_keys().items():
            schema["properties"][name]["description"] = text
        return schema

    @model_validator(mode="before")
    @classmethod
    def _suggest_nearest_key(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for key in given:
                if key in cls.renamed:
                    raise ValueError(f"{key} is now {cls.renamed[key]}")
                if key not in cls.model_fields:
                    raise ValueError(f"has no key {key!r}{suggest(str(key), cls.model_fields)}")
        return given


def named(*tables: type[Table]) -> BeforeValidator:
    """Read ``"tpe"`` as ``{name = "tpe"}``, for `tables` with defaults for all other keys."""
    names = tuple(get_args(table.model_fields["name"].annotation)[0] for table in tables)
    shapes: Any = Union[*tables, Literal.__getitem__(names)]
    return BeforeValidator(_name_to_table, json_schema_input_type=shapes)


def reword_error(error: ErrorDetails) -> str:
    """Rephrase one error of pydantic's as the end of a line."""
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] in _BOUNDS:
        key, wording = _BOUNDS[error["type"]]
        return f"must be {wording.format(error['ctx'][key])}, got {error['input']!r}"
    if kind := _KINDS.get(error["type"]):
        return f"expected {kind}, got {error['input']!r}"
    match error["type"]:
        case "literal_error":
            return f"expected {error['ctx']['expected']}, got {error['input']!r}"
        case "value_error":
            return message
        case "missing":
            return "is missing"
        case "union_tag_invalid":
            known = [tag.strip("'") for tag in error["ctx"]["expected_tags"].split(", ")]
            return f"there is no {error['ctx']['tag']!r}{suggest(error['ctx']['tag'], known)}"
    return f"{message[0].lower()}{message[1:]}, got {error['input']!r}"


def _read_parameters(docstring: str) -> dict[str, tuple[str, str]]:
    described: dict[str, tuple[str, str]] = {}
    names: list[str] = []
    for line in docstring.partition("Parameters\n----------\n")[2].splitlines():
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
