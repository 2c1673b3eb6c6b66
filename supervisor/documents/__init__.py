"""The one reader of documents: manifests, settings, indexes of bundles, declarations of images, commands.

text        YAML and JSON to plain Python, refusing what a reader could misunderstand
shape       the contract of a shape: a declaration that reads a plain value and gives its JSON Schema
scalars     shapes of single values: texts, numbers, sizes, words
composites  shapes of lists and mappings

A document is read whole: each fault is recorded with its path (`readiness.interval`), reading goes on, and the author
gets the whole list, up to a thousand or so.
"""

from supervisor.documents.composites import Field, ListOf, MapOf, Optional, Record, Tagged, TupleOf, names_twice
from supervisor.documents.scalars import Amount, Boolean, Choice, Integer, Number, Parsed, Quantity, Text, Version
from supervisor.documents.shape import FAULTY, DocumentError, Schema, Shape, read_as
from supervisor.documents.text import read_json, read_yaml

__all__ = [
    "FAULTY",
    "Amount",
    "Boolean",
    "Choice",
    "DocumentError",
    "Field",
    "Integer",
    "ListOf",
    "MapOf",
    "Number",
    "Optional",
    "Parsed",
    "Quantity",
    "Record",
    "Schema",
    "Shape",
    "Tagged",
    "Text",
    "TupleOf",
    "Version",
    "names_twice",
    "read_as",
    "read_json",
    "read_yaml",
]
