"""Format a `StudyDefinition` as a study file."""

import tomli_w

from hpsearch.definition.study import StudyDefinition

__all__ = ["format_definition"]


def format_definition(definition: StudyDefinition) -> str:
    """Format `definition` as the shortest study file: keys at their defaults are left out."""
    return tomli_w.dumps(
        definition.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    )
