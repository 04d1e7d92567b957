"""Errors a person can act on; commands print their text only, without a traceback.

ShutterprintError
├── ConfigurationError        pipelines.yaml or the catalogue is wrong
├── StorageError              a file is missing or damaged
├── StorageUnavailableError   the disk or the service refuses, or does not answer
└── StageError                a stage cannot work with what it was given
"""


class ShutterprintError(Exception):
    """Something a user can fix: the text says what is wrong, where, and how to fix it."""


class ConfigurationError(ShutterprintError):
    """The configuration is wrong; raised before any work is done."""


class StorageError(ShutterprintError):
    """The store lacks something that a stage needs, or holds something damaged."""


class StorageUnavailableError(ShutterprintError):
    """The store's disk or service refuses or does not answer; it says nothing of any file in it.

    It is no StorageError: whoever goes on without a missing file must not go on without the storage.
    """


class StageError(ShutterprintError):
    """A stage cannot continue with what the stages before it left."""
