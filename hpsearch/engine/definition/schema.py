"""JSON schema of study files, for completion and checks in editors."""

from typing import Any

from hpsearch.engine.definition.space import make_search_space
from hpsearch.engine.definition.study import StudyDefinition
from hpsearch.engine.definition.trainer_settings import TrainerSettings
from hpsearch.trainers.finding import TRAINERS

__all__ = ["make_schema"]

_REF = "#/$defs/{model}"


def make_schema() -> dict[str, Any]:
    """Make the JSON schema of a study file: keys, descriptions and allowed values.

    Hyperparameters and settings are those of the trainer that a study file has if it names none;
    any others are allowed, as other trainers have their own.
    """
    schema = StudyDefinition.model_json_schema(ref_template=_REF)
    schema["required"].remove("name")  # the file's stem, if left out
    definitions = schema["$defs"]
    trainer = TrainerSettings.default().load()
    declared = make_search_space(trainer).json_schema(_REF)
    definitions |= declared.pop("$defs", {})
    own = trainer.Settings.model_json_schema(ref_template=_REF) if trainer.Settings else {}
    definitions |= own.pop("$defs", {})
    definitions["SearchSpace"] = {
        **declared,
        "additionalProperties": definitions["SearchSpace"]["additionalProperties"],
    }
    definitions["TrainerSettings"] = {
        "title": "TrainerSettings",
        "description": definitions["TrainerSettings"]["description"],
        "type": "object",
        "properties": {
            "name": {"description": "A trainer of hpsearch.", "enum": list(TRAINERS)},
            "class": {
                "description": "A trainer of one's own, `module:Class`, imported from the study "
                "file's folder.",
                "type": "string",
            },
            **own.get("properties", {}),
        },
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
