"""Errors a person can act on; commands print their text only, without a traceback.

ShutterprintError
├── ConfigurationError   pipelines.yaml or the catalogue is wrong
├── StorageError         a file is missing or damaged
└── StageError           a stage cannot work with what it was given
"""


class ShutterprintError(Exception):
    """Something a user can fix: the text says what is wrong, where, and how to fix it."""


class ConfigurationError(ShutterprintError):
    """The configuration is wrong; raised before any work is done."""


class StorageError(ShutterprintError):
    """The store lacks something that a stage needs, or holds something damaged."""


class StageError(ShutterprintError):
    """A stage cannot continue with what the stages before it left."""
