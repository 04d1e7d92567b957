"""Printing: the console of the commands that inspect a corpus."""

from rich.console import Console


def plain_console(*, stderr: bool = False) -> Console:
    """Return a console that neither highlights nor reads markup: strangers wrote some of what it prints."""
    return Console(highlight=False, markup=False, emoji=False, stderr=stderr)
