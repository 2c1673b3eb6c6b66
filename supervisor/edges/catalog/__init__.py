"""The catalog: service folders on their way from YAML to `ServiceDefinition`, with every fault named by its path."""

from supervisor.edges.catalog.definition import definition_from_files, load_definition
from supervisor.edges.catalog.schema import json_schema

__all__ = ["definition_from_files", "json_schema", "load_definition"]
