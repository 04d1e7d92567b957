"""Runs a command and writes its CPU time, peak memory and exit code as JSON.

    python cost.py RESULT LONGEST_S COMMAND…

The kernel counts the memory of the process that starts a program as the program's own, so the measuring process must
be smaller than the measured one. The command and all processes that it started and waited for are counted; the peak
is that of the largest of them.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path


def main() -> None:
    """Run the command to its end, or kill it when it takes too long."""
    result, longest_s, *command = sys.argv[1:]
    began_s = time.monotonic()
    process = subprocess.Popen(command)
    timer = threading.Timer(float(longest_s), process.kill)
    timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    timer.cancel()
    cost = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "wall_s": time.monotonic() - began_s,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
    }
    Path(result).write_text(json.dumps(cost))


if __name__ == "__main__":
    main()
