"""Files: Arrow tables below `judged/`, named by what is in them, so that equal tables are one file."""

import hashlib

import pyarrow as pa

from corpus.storage import Store


def write_arrow(store: Store, folder: str, table: pa.Table) -> str:
    """Publish a table below `folder` unless it is there, and return its name without `.arrow`."""
    data = arrow_bytes(table)
    name = hashlib.sha256(data).hexdigest()[:24]
    if not store.exists(f"{folder}/{name}.arrow"):
        store.publish(f"{folder}/{name}.arrow", data)
    return name


def arrow_bytes(table: pa.Table) -> bytes:
    """Return a table as a file in Arrow's format."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_arrow(store: Store, path: str) -> pa.Table:
    """Return a table; of a local store its bytes are mapped, and only the columns that are used are read."""
    source = pa.memory_map(store.path(path)) if store.is_local else pa.BufferReader(store.read(path))
    return pa.ipc.open_file(source).read_all()
