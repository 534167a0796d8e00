"""Study files: TOML in, a frozen and checked `StudyDefinition` out."""

from hpsearch.engine.definition.data_settings import OWN_SOURCES, DataSettings
from hpsearch.engine.definition.parameter import Choices, ParameterSpace, Range
from hpsearch.engine.definition.search_settings import PrunerSettings, SamplerSettings
from hpsearch.engine.definition.search_space import SearchSpace
from hpsearch.engine.definition.study_definition import ConfirmSettings, StudyDefinition
from hpsearch.engine.definition.study_file import (
    find_study_file,
    format_definition,
    list_changes,
    list_study_files,
    load_definition,
    parse_definition,
)
from hpsearch.engine.definition.template import OWN_SIZE, SCHEMA_FILE, make_schema, write_template
from hpsearch.engine.definition.trainer_settings import TrainerSettings
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
