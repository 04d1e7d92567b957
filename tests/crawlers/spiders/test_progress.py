"""The progress display of a running crawl."""

import dataclasses
import io
import logging
import re

import pytest
from rich.console import Console

from crawlers.spiders.progress import LINE_EVERY_S, Pace, Progress, View, display, duration, progress_line

VIEW = View(
    source="flickr",
    query="apple/iphone_6",
    query_number=3,
    queries=10,
    window="20140101T000000Z_20140601T000000Z_apple-iphone-6-1f0a33c2",
    window_done=120,
    window_total=500,
    counts={"found": 900, "stored": 300, "refused": 210, "failed": 10, "bytes": 750_000_000, "windows": 7},
    reasons={"not_native_size": 120, "edited_by_software": 60, "camera_unknown": 20, "too_large": 6, "unreadable": 4},
    waiting="upload.example.org asked for a pause of 12 s",
    calls_left=3412,
)
PACE = Pace(photos_per_s=4.0, megabytes_per_s=9.5)


class Clock:
    """A clock that advances only when it is told to."""

    now_s = 1000.0

    def __call__(self):
        return self.now_s


def shown(renderable, width=120):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


@pytest.fixture
def log_by():
    """Return a function that makes a handler the root logger's only one; the former ones are restored at the end."""
    handlers, level = logging.root.handlers[:], logging.root.level

    def take(handler, form="%(levelname)s: %(message)s"):
        handler.setFormatter(logging.Formatter(form))
        logging.root.handlers, logging.root.level = [handler], logging.DEBUG
        return handler

    yield take
    logging.root.handlers, logging.root.level = handlers, level


@pytest.fixture
def terminal():
    return Console(file=io.StringIO(), width=100, force_terminal=True)


@pytest.mark.parametrize(
    "words",
    [
        "flickr 3/10 apple/iphone_6",
        "20140101T000000Z_20140601T000000Z",
        "120/500 photos",
        "about 1 min 35 s left",
        "4.0 photos/s, 9.5 MB/s",
        "300 stored, 210 refused, 10 failed",
        "750 MB stored in 7 windows",
        "not_native_size 120, edited_by_software 60, camera_unknown 20, too_large 6",
        "3412 calls left",
        "waiting: upload.example.org asked for a pause of 12 s",
    ],
)
def test_the_display_shows_the_whole_state(words):
    assert words in shown(display(VIEW, PACE), 160)


def test_the_display_shows_only_the_commonest_reasons():
    assert "unreadable" not in shown(display(VIEW, PACE), 160)


def test_the_bar_grows_with_the_photos_of_the_window():
    def bar(done):
        return shown(display(dataclasses.replace(VIEW, window_done=done), PACE), 160).count("━")

    assert [bar(0), bar(500)] == [0, 30]
    assert 0 < bar(250) < 30


def test_the_display_has_the_same_number_of_lines_on_a_narrow_terminal():
    assert shown(display(VIEW, PACE), 40).count("\n") == shown(display(VIEW, PACE), 200).count("\n")


def test_text_from_the_site_cannot_control_the_terminal():
    hostile = dataclasses.replace(VIEW, query="a\x1b[2Jb\n[red]c")
    assert r"a\x1b[2Jb\n[red]c" in shown(display(hostile, PACE))
    assert r"a\x1b[2Jb\n[red]c" in progress_line(hostile, PACE)


def test_the_line_gives_the_rate_and_the_remaining_time():
    assert progress_line(dataclasses.replace(VIEW, waiting="", calls_left=None), PACE) == (
        "flickr 3/10 apple/iphone_6: 900 photos found: 300 stored, 210 refused, 10 failed; "
        "4.0 a second, 9.5 MB a second, 750 MB stored; window at 120 of 500, about 1 min 35 s left"
    )


def test_the_line_says_what_the_crawl_is_waiting_for():
    line = progress_line(VIEW, PACE)
    assert line.endswith("; 3412 calls left for now; waiting: upload.example.org asked for a pause of 12 s")


def test_a_crawl_that_makes_no_progress_shows_no_remaining_time():
    assert "left" not in progress_line(dataclasses.replace(VIEW, calls_left=None), Pace())
    assert "left" not in shown(display(dataclasses.replace(VIEW, calls_left=None), Pace()))


@pytest.mark.parametrize(
    ("length_s", "text"),
    [(0.4, "0 s"), (59, "59 s"), (95, "1 min 35 s"), (12_000, "3 h 20 min"), (200_000, "2 d 7 h")],
)
def test_durations_are_written_in_two_units(length_s, text):
    assert duration(length_s) == text


def test_without_a_terminal_a_line_is_logged_now_and_then_and_no_display_is_drawn(capsys):
    clock, said = Clock(), []
    progress = Progress(lambda: VIEW, said.append, False, clock=clock)
    progress.start()
    for _ in range(61):  # half a minute in half seconds
        progress.tick()
        clock.now_s += 0.5
    progress.stop()
    assert len(said) == 30 / LINE_EVERY_S
    assert capsys.readouterr() == ("", "")


def test_the_rate_covers_the_last_half_minute():
    clock, said = Clock(), []
    counts = {"found": 10_000, "stored": 0, "refused": 0, "failed": 0, "bytes": 0}
    progress = Progress(lambda: View(counts=counts), said.append, False, clock=clock)
    progress.start()
    for second in range(120):
        clock.now_s += 1
        counts["stored"] += 10 if second < 60 else 1
        counts["refused"] += 10 if second < 60 else 1
        counts["bytes"] += 4_000_000
        progress.tick()
    progress.stop()
    assert "20.0 a second, 4.0 MB a second" in said[4]
    assert "2.0 a second, 4.0 MB a second" in said[-1]


def test_the_display_is_drawn_at_every_tick_and_removed_at_the_end(terminal):
    said, views = [], [VIEW]
    progress = Progress(lambda: views[-1], said.append, True, console=terminal, clock=Clock())
    progress.start()
    assert "120/500 photos" in terminal.file.getvalue()
    views.append(dataclasses.replace(VIEW, window_done=121))
    progress.tick()
    assert "121/500 photos" in terminal.file.getvalue()
    before = len(terminal.file.getvalue())
    progress.stop()
    assert "\x1b[2K" in terminal.file.getvalue()[before:]  # lines erased
    assert said == []


class Hiding(logging.Filter):
    def filter(self, record):
        return "hidden" not in record.getMessage()


def test_log_lines_are_printed_above_the_display_with_their_format_level_and_filter(terminal, log_by, capsys):
    handler = log_by(logging.StreamHandler())
    handler.setLevel(logging.INFO)
    handler.addFilter(Hiding())
    progress = Progress(lambda: VIEW, print, True, console=terminal, clock=Clock())
    progress.start()
    before = len(terminal.file.getvalue())
    logging.getLogger("a").warning("a [bold] line of %s", "x" * 200)
    logging.getLogger("a").debug("too low")
    logging.getLogger("a").warning("hidden")
    progress.tick()
    written = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.file.getvalue()[before:])
    assert f"WARNING: a [bold] line of {'x' * 200}\n" in written
    assert written.index("WARNING") < written.index("120/500 photos")
    assert "too low" not in written
    assert "hidden" not in written
    progress.stop()
    logging.getLogger("a").warning("afterwards")
    assert capsys.readouterr().err == "WARNING: afterwards\n"
    assert "afterwards" not in terminal.file.getvalue()


def test_handlers_added_while_the_display_is_shown_are_routed_too(terminal, log_by, capsys):
    progress = Progress(lambda: VIEW, print, True, console=terminal, clock=Clock())
    progress.start()
    log_by(logging.StreamHandler(), "late: %(message)s")
    progress.tick()
    logging.getLogger("a").warning("hello " + "x" * 200)
    progress.stop()
    logging.getLogger("a").warning("bye")
    assert f"late: hello {'x' * 200}\n" in terminal.file.getvalue()
    assert capsys.readouterr().err == "late: bye\n"


def test_log_files_are_not_routed_to_the_display(terminal, log_by, tmp_path):
    file = log_by(logging.FileHandler(tmp_path / "log"), "%(message)s")
    progress = Progress(lambda: VIEW, print, True, console=terminal, clock=Clock())
    progress.start()
    logging.getLogger("a").warning("into the file")
    progress.stop()
    file.close()
    assert (tmp_path / "log").read_text() == "into the file\n"
    assert "into the file" not in terminal.file.getvalue()
