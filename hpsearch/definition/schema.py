"""What an editor must know to complete and check a study file."""

from typing import Any

from hpsearch.definition.study import StudyDefinition

__all__ = ["make_schema"]


def make_schema() -> dict[str, Any]:
    """JSON schema of a study file: its keys, what they mean, and what they may be."""
    schema = StudyDefinition.model_json_schema()
    schema["required"].remove("name")  # the file's stem, if left out
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
