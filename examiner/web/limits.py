"""Limits: how much of everything the web page takes, so that no client can exhaust the machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What the web page takes at most."""

    upload_max_bytes: int = 64 << 20
    uploads_at_once: int = 4
    """Files that are being received; more are asked to come again."""
    upload_s: float = 120.0
    """Time for a whole file."""
    body_pause_s: float = 10.0
    """Longest pause of a client within a request."""
    other_max_bytes: int = 16 << 10
    """Largest body of any other request."""
    examinations_at_once: int = 2
    waiting: int = 8
    """Examinations that wait for their turn; more are asked to come again."""
    kept_s: float = 900.0
    """How long a file and its report are kept in memory after the last look at them."""
    kept: int = 32
    kept_bytes: int = 512 << 20
    """Files and reports in memory; beyond these two the oldest are dropped."""
    answer_s: float = 150.0
    """Time for any answer, an upload included."""
    requests_at_once: int = 128
    connections: int = 1024
    header_s: float = 10.0
    """Time from the start of a connection, or of a request on it, to the end of the request's header."""
    requests_per_minute: int = 1200
    requests_burst: int = 300
    examinations_per_minute: int = 30
    examinations_burst: int = 12
    sign_ins_per_minute: int = 6
    sign_ins_burst: int = 6
    reading_at_once: int = 8
    """Threads that read the data set and runs."""
