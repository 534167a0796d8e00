"""From a `StudyDefinition` back to a study file."""

import tomli_w

from hpsearch.definition.study import StudyDefinition

__all__ = ["format_definition"]


def format_definition(definition: StudyDefinition) -> str:
    """The shortest study file that means `definition`: keys at their defaults are left out."""
    return tomli_w.dumps(
        definition.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    )
