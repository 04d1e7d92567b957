"""Tables that begin at any byte, as Dask's network leaves them, are joined without a line on the terminal."""

import subprocess
import sys

_JOINED = """
import curation.judging
import pyarrow as pa
numbers = pa.array(range(10), pa.int64()).buffers()[1].to_pybytes()
shifted = pa.py_buffer(b"-" + numbers).slice(1)
table = pa.table({"photo": pa.Array.from_buffers(pa.int64(), 10, [None, shifted])})
assert table.join(pa.table({"photo": range(5, 10)}), "photo", join_type="left anti").num_rows == 5
"""


def test_a_table_that_begins_at_an_odd_byte_is_joined_without_a_word() -> None:
    result = subprocess.run([sys.executable, "-c", _JOINED], capture_output=True, text=True, check=False, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")
