"""Parquet: reads a Parquet file in the thread that asks.

`pyarrow.parquet.read_table` reads in threads of Arrow's own. One that drops the last reference to a Python object, a
file or bytes, while the interpreter ends makes Arrow abort the process: the work is done, and the exit code is -6
(https://github.com/apache/arrow/issues/34314). Short commands met that in 2 of 10 runs on a busy machine.
"""

from collections.abc import Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

Condition = tuple[str, str, Any]
"""Column, operator (`=`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`) and value, as pyarrow's filters have them."""


def open_parquet(source: BinaryIO | pa.NativeFile) -> pq.ParquetFile:
    """Return an opened Parquet file that starts no threads where its reads are given `use_threads=False`."""
    return pq.ParquetFile(source, pre_buffer=False)


def read_parquet(
    source: BinaryIO | pa.NativeFile, columns: Sequence[str] | None = None, where: Sequence[Sequence[Condition]] = ()
) -> pa.Table:
    """Return a Parquet file, or columns of it, as a table.

    `where`: only rows that meet all conditions of one of these lists; row groups whose statistics rule that out are not
    read. Raises what pyarrow raises: OSError, ArrowException, and ValueError for a missing column too.
    """
    file = open_parquet(source)
    names = list(columns if columns is not None else file.schema_arrow.names)
    if not where:
        return file.read(_known(file, names), use_threads=False)
    import pyarrow.dataset as ds  # which imports pandas where that is installed: most of a short command's start

    expression = pq.filters_to_expression([list(conditions) for conditions in where])
    asked = [column for conditions in where for column, _, _ in conditions]
    source.seek(0)
    matching = ds.ParquetFileFormat().make_fragment(source).subset(expression)
    groups = [group.id for group in matching.row_groups]
    read = file.read_row_groups(groups, _known(file, list(dict.fromkeys([*names, *asked]))), use_threads=False)
    return read.filter(expression).select(names)


def _known(file: pq.ParquetFile, names: list[str]) -> list[str]:
    """Return the names; raises ValueError for one that the file lacks, which pyarrow would leave out in silence."""
    for name in names:
        if name not in file.schema_arrow.names:
            raise ValueError(f"no column {name}")
    return names
