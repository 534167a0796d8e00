"""Study files: TOML in, a frozen and checked `StudyDefinition` out."""

from hpsearch.definition.changes import list_changes
from hpsearch.definition.data_settings import OWN_SOURCES, DataSettings
from hpsearch.definition.loading import (
    find_study_file,
    list_study_files,
    load_definition,
    parse_definition,
)
from hpsearch.definition.parameter import Choices, ParameterSpace, Range
from hpsearch.definition.pruners import PrunerSettings
from hpsearch.definition.samplers import SamplerSettings
from hpsearch.definition.schema import make_schema
from hpsearch.definition.space import SearchSpace
from hpsearch.definition.study import ConfirmSettings, StudyDefinition
from hpsearch.definition.template import OWN_SIZE, SCHEMA_FILE, write_template
from hpsearch.definition.trainer_settings import TrainerSettings
from hpsearch.definition.writing import format_definition
from hpsearch.tables import Table

__all__ = [
    "OWN_SIZE",
    "OWN_SOURCES",
    "SCHEMA_FILE",
    "Choices",
    "ConfirmSettings",
    "DataSettings",
    "ParameterSpace",
    "PrunerSettings",
    "Range",
    "SamplerSettings",
    "SearchSpace",
    "StudyDefinition",
    "Table",
    "TrainerSettings",
    "find_study_file",
    "format_definition",
    "list_changes",
    "list_study_files",
    "load_definition",
    "make_schema",
    "parse_definition",
    "write_template",
]
