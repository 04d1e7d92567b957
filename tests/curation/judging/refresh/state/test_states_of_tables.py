"""A storage that refuses or does not answer while the states of tables are asked is a sentence, and is tried again."""

import errno
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from fsspec.implementations.local import LocalFileSystem

from corpus.errors import StorageUnavailableError
from corpus.storage import Store, open_store
from curation.judging.refresh.state.index import states_of
from pipelines.prune.needs import files_below


@pytest.fixture
def store(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("corpus.storage.errors.RETRY_PAUSES_S", (0.0,))
    store = open_store(str(tmp_path))
    store.publish("crawl/folder/w/records.parquet", b"rows")
    return store


def failing(numbers: list[int], real: Any) -> Any:
    left: Iterator[int] = iter(numbers)

    def act(*arguments: Any, **named: Any) -> Any:
        if (number := next(left, 0)) != 0:
            raise OSError(number, "it is in trouble")
        return real(*arguments, **named)

    return act


@pytest.mark.parametrize("act", ["states", "files"])
def test_what_may_pass_is_tried_again_and_the_rest_is_a_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    inputs = Mock(store=store, windows=["crawl/folder/w/records.parquet"], facts=[], states={})
    name, ask = {
        "states": ("info", lambda: states_of(inputs)),
        "files": ("find", lambda: files_below(store, "crawl")),
    }[act]
    real = getattr(LocalFileSystem(), name)
    for numbers in ([], [errno.EBUSY]):
        monkeypatch.setattr(LocalFileSystem, name, staticmethod(failing(numbers, real)))
        assert len(ask()) == 1
    for numbers, told in (([errno.EBUSY] * 2, "the storage is busy"), ([errno.EIO], "input/output error")):
        monkeypatch.setattr(LocalFileSystem, name, staticmethod(failing(numbers, real)))
        with pytest.raises(StorageUnavailableError, match=told):
            ask()
