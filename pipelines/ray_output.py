"""Ray output: tells the lines that `ray job submit` writes about itself from those of the job it runs."""

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_OF_RAY = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\t(INFO|WARNING|SUCC) \w+\.py:\d+ -- |Running entrypoint for job "
)


def is_of_ray(line: str) -> bool:
    """Whether Ray's command line wrote a line about its own work; its errors are for people and do not count."""
    return _OF_RAY.match(_COLOUR.sub("", line)) is not None
