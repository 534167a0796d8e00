"""Study files: TOML in, a frozen and checked `StudyDefinition` out."""

from hpsearch.engine.definition.changes import list_changes
from hpsearch.engine.definition.data_settings import OWN_SOURCES, DataSettings
from hpsearch.engine.definition.loading import (
    find_study_file,
    list_study_files,
    load_definition,
    parse_definition,
)
from hpsearch.engine.definition.parameter import Choices, ParameterSpace, Range
from hpsearch.engine.definition.pruners import PrunerSettings
from hpsearch.engine.definition.samplers import SamplerSettings
from hpsearch.engine.definition.schema import make_schema
from hpsearch.engine.definition.space import SearchSpace
from hpsearch.engine.definition.study import ConfirmSettings, StudyDefinition
from hpsearch.engine.definition.template import OWN_SIZE, SCHEMA_FILE, write_template
from hpsearch.engine.definition.trainer_settings import TrainerSettings
from hpsearch.engine.definition.writing import format_definition
from hpsearch.foundations.tables import Table

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
