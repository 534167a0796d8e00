"""JSON schema of study files, for completion and checks in editors."""

from typing import Any

from hpsearch.definition.study import StudyDefinition

__all__ = ["make_schema"]


def make_schema() -> dict[str, Any]:
    """Make the JSON schema of a study file: keys, descriptions and allowed values."""
    schema = StudyDefinition.model_json_schema()
    schema["required"].remove("name")  # the file's stem, if left out
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
