"""Errors a person can act on; every command prints their text alone, without a traceback.

ShutterprintError
├── ConfigurationError   pipelines.yaml or the catalogue says something that cannot be
├── StorageError         a file that must be there is not, or is not what its marker says
└── StageError           a stage cannot do its work with what it was given
"""


class ShutterprintError(Exception):
    """Something a user can mend: the text names what, where and the cure."""


class ConfigurationError(ShutterprintError):
    """The configuration is wrong; raised before any work is done."""


class StorageError(ShutterprintError):
    """The store lacks something a stage needs, or holds something damaged."""


class StageError(ShutterprintError):
    """A stage cannot go on with what the stages before it left."""
