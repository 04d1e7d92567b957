"""Ranges: reads byte ranges of an object store's files, many at once, each by one request.

S3 is read by obstore, whose requests cost a tenth of s3fs's CPU time (docs/decisions/0016-remote-reads.md); address,
region and credentials are botocore's, as for every other access to the store. What obstore cannot give is asked for
once more through the store itself, which tries again with pauses and tells failures as sentences. Other object stores
are read through the store alone.
"""

import logging
import os
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from typing import Any

from corpus.errors import StorageUnavailableError
from corpus.storage import Store
from corpus.storage.requests import count

CONNECTIONS = 32
"""Requests at once; at 50 ms and 20 MB/s a connection they carry 640 requests or 640 MB a second."""
_RETRIES = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
_TIMEOUTS = {"connect_timeout": "10s", "timeout": "180s"}
_logger = logging.getLogger(__name__)

_runtime_of: int | None = None
"""The process that started obstore's threads; a forked child has none of them and would wait for ever."""


class RangeReads:
    """Reads from one object store for one process; several threads may share it."""

    def __init__(self, store: Store, connections: int = CONNECTIONS) -> None:
        self._store = store
        settings = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
        self._client = _client(store, os.getpid(), settings)
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="ranges")

    def close(self) -> None:
        """End the threads; what has not begun yet is not read."""
        self._pool.shutdown(cancel_futures=True)

    def submit(self, relative: str, start: int, end: int) -> "Future[bytes]":
        """Begin to read the bytes `start:end` of a file; fewer come where the file is shorter.

        The result raises StorageError for a missing file, StorageUnavailableError where the service does not answer.
        """
        return self._pool.submit(self.read, relative, start, end)

    def read(self, relative: str, start: int, end: int) -> bytes:
        """Return the bytes `start:end` of a file; raises as the results of `submit`."""
        if self._client is not None:
            try:
                return self._client.read(relative, start, end)
            except Exception as error:  # noqa: BLE001 - what the store itself then says is told
                _logger.debug("%s: %s: obstore: %s", self._store.url, relative, error)
        try:
            return self._store.read(relative, start, end)
        except StorageUnavailableError as error:
            if "InvalidRange" not in str(error):  # what S3 answers where a file ends before `start`
                raise
            return b""


class _Obstore:
    """obstore's client for one bucket."""

    def __init__(self, store: Store, client: Any, prefix: str) -> None:
        self._store, self._client, self._prefix = store, client, prefix

    def read(self, relative: str, start: int, end: int) -> bytes:
        import obstore

        key = f"{self._prefix}/{relative}".lstrip("/")
        count("GET")
        return obstore.get_range(self._client, key, start=start, end=end).to_bytes()


@cache  # making one takes a tenth of a second
def _client(store: Store, process: int, _settings: tuple[tuple[str, str], ...]) -> _Obstore | None:
    """Return obstore's client; None where the store is not S3, or obstore is missing or cannot work here."""
    global _runtime_of
    if not store.url.startswith("s3://") or _runtime_of not in (None, process):
        return None
    try:
        import botocore.session
        from obstore.store import S3Store
    except ImportError:
        return None
    bucket, _, prefix = store.url.removeprefix("s3://").partition("/")
    try:
        session = botocore.session.get_session()
        meta = session.create_client("s3").meta
        credentials = session.get_credentials()
        if credentials is None:
            return None
        options: dict[str, Any] = {}
        if not meta.endpoint_url.removesuffix("/").endswith(".amazonaws.com"):
            options = {"endpoint": meta.endpoint_url, "virtual_hosted_style_request": False}

        def provide() -> dict[str, Any]:
            frozen = credentials.get_frozen_credentials()
            # obstore asks again when these expire; botocore renews them before
            return {
                "access_key_id": frozen.access_key, "secret_access_key": frozen.secret_key, "token": frozen.token,
                "expires_at": getattr(credentials, "_expiry_time", None),
            }  # fmt: skip

        build: Any = S3Store  # its arguments' types are not importable at run time
        client = build(
            bucket, region=meta.region_name, credential_provider=provide, retry_config=_RETRIES,
            client_options={"allow_http": meta.endpoint_url.startswith("http://"), **_TIMEOUTS}, **options,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - the store itself then says what is wrong with the settings
        _logger.debug("%s: obstore: %s", store.url, error)
        return None
    _runtime_of = process
    return _Obstore(store, client, prefix)
