"""What tests of pipelines share: a configuration whose stages are real processes, and a crontab of its own."""

import stat
import sys
from pathlib import Path

import pytest

from corpus.configuration import Configuration, read_configuration

PYTHON = sys.executable

# Stands beside the interpreter's own programs as `scrapy`: it notes that it ran, fails when told to, and writes
# its receipt like a spider whose crawl is whole. It imports nothing of the product, so that it starts at once.
_SPIDER = """#!{python} -SE
import json, pathlib, sys, time
spider = sys.argv[2]
folder = pathlib.Path({folder!r})
with (folder / "ran").open("a") as file:
    file.write(spider + "\\n")
if (folder / "say").exists():
    print("a plain line of", spider)
    print('{{"time": "2026-01-01T00:00:00.000Z", "level": "info", "event": "epoch"}}')
if (folder / f"sleep-{{spider}}").exists():
    time.sleep(60)
if (folder / f"fail-{{spider}}").exists():
    sys.exit(3)
if not (folder / f"lie-{{spider}}").exists():
    wanted = folder / f"want-{{spider}}"
    receipt = {{"stored": 5, "stage": "crawl-" + spider, "finished_at_s": time.time()}}
    if wanted.exists():
        receipt["wanted"] = int(wanted.read_text())
    (folder / "data/receipts" / f"crawl-{{spider}}.json").write_text(json.dumps(receipt))
"""

# Keeps the crontab in a file, refuses what Debian's refuses, and so never touches that of the machine.
_CRONTAB = """#!/bin/sh
case "$1" in
-l) [ -e '{file}' ] && exec cat '{file}'; echo "no crontab for tester" >&2; exit 1 ;;
-)  cat > '{file}.new'
    [ ! -s '{file}.new' ] || [ -z "$(tail -c 1 '{file}.new')" ] || {{ echo "missing newline before EOF" >&2; exit 1; }}
    echo written >> '{file}.writes'; exec mv '{file}.new' '{file}' ;;
esac
exit 2
"""


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    programs = tmp_path / "bin"
    programs.mkdir()
    python = programs / "python"
    python.symlink_to(PYTHON)
    scrapy = programs / "scrapy"
    scrapy.write_text(_SPIDER.format(python=PYTHON, folder=str(tmp_path)))
    scrapy.chmod(scrapy.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(python))
    file = tmp_path / "pipelines.yaml"
    # the built-in catalogue takes half a second to read
    (tmp_path / "cameras.yaml").write_text("alder: {name: Alder C1, make: [Alder], model: [C1], sizes: [640x480]}\n")
    file.write_text(
        "storage: data\ncatalogue: cameras.yaml\npipelines:\n"
        "  refresh:\n    schedule: '17 2 * * *'\n"
        "    stages: [scrapy crawl flickr, scrapy crawl wikimedia, scrapy crawl folder]\n    rounds: 2\n"
        "  once:\n    stages: [scrapy crawl wikimedia]\n"
    )
    (tmp_path / "scrapy.cfg").touch()
    return read_configuration(file)


@pytest.fixture
def crontab_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that stands for the user's crontab; nothing is in it yet, and no unit of systemd is there."""
    folder, file = tmp_path / "cron", tmp_path / "cron" / "crontab.txt"
    folder.mkdir()
    program = folder / "crontab"
    program.write_text(_CRONTAB.format(file=file))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    return file
