"""Figures of a demo run that documents show: finds them, and brings them up to date from the output of another run.

`python -m benchmarks.documents.demo_figures OUTPUT… [--write]` compares the ```text blocks of README.md and
docs/tutorial.md with what commands printed: the whole output of `make demo`, and that of each further command that the
documents show. A line has a counterpart where the two are equal but for numbers, digests and folders; among equal ones
the first belongs to the first. With `--write`, counterparts take the lines' places. It prints, with file and line, what
differs, what has no counterpart, and what a person must read: paragraphs and pictures below a comment
`<!-- demo run: … -->`.

Exit codes: 0 every line is as in the output, 1 some differ or have no counterpart.
"""

import argparse
import re
from collections import defaultdict
from pathlib import Path

from benchmarks.places import REPOSITORY

DOCUMENTS = {"README.md": True, "docs/tutorial.md": True, "docs/index.md": False}
"""Whether the text blocks of a document are output."""
_MARK = re.compile(r"<!-- demo run: (.*?) -->")
_TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
_FOLDER = re.compile(r"/\S*?/(?=(?:store|pipelines\.yaml|uploads)\b)")
_DIGEST = re.compile(r"\b(?=\w*\d)[0-9a-f]{8,}\b")
_NUMBER = re.compile(r"\d[\d.,]*")
_INTERVAL = re.compile(r" \[#, #\]| # – #| -(?= |$)")


def shown(line: str) -> str:
    """Return a line of output as documents show it: without its time, and with the demo's folder by its usual name."""
    return _FOLDER.sub("demo-data/", _TIME.sub("", line.rstrip()))


def masked(line: str) -> str:
    """Return a line without what differs from run to run: digests, numbers, intervals, and spaces that align them."""
    line = re.sub(r"\[#\s*#\]", "[#, #]", _NUMBER.sub("#", _DIGEST.sub("#", line)))
    return _INTERVAL.sub("", " ".join(line.split()))


def refreshed(text: str, output: str, has_output: bool = True) -> tuple[str, list[tuple[int, str]]]:
    """Return a document with the lines of its text blocks taken from an output, and what a person should know of it.

    `has_output`: whether its text blocks are output. The second value has the number of each line and what is the
    matter with it.
    """
    waiting: dict[str, list[str]] = defaultdict(list)
    for line in map(shown, output.splitlines()):
        waiting[masked(line)].append(line)
    lines, told, is_output = text.splitlines(), [], False
    for number, line in enumerate(lines):
        if line.startswith("```"):
            is_output = has_output and line == "```text"
        elif is_output and line.strip():
            found = waiting[masked(line)]
            new = found.pop(0) if found else None
            if new is None:
                told.append((number + 1, f"no counterpart: {line.strip()}"))
            elif new.split() != line.split():
                told.append((number + 1, f"differs: {new.strip()}"))
                lines[number] = new
        elif mark := _MARK.match(line):
            told.append((number + 1, f"read it: {mark[1]}"))
    return "\n".join(lines) + "\n", told


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outputs", metavar="OUTPUT", type=Path, nargs="+", help="what commands have printed, as files")
    parser.add_argument("--write", action="store_true", help="write the new lines into the documents")
    arguments = parser.parse_args()
    output = "\n".join(path.read_text() for path in arguments.outputs)
    every = []
    for name, has_output in DOCUMENTS.items():
        path = REPOSITORY / name
        new, told = refreshed(path.read_text(), output, has_output)
        if arguments.write:
            path.write_text(new)
        for number, what in told:
            print(f"{name}:{number}: {what}")
        every += [what for _, what in told if not what.startswith("read it: ")]
    return 1 if every else 0


if __name__ == "__main__":
    raise SystemExit(main())
