"""systemd: units that start the same command at the same times; systemd-analyze reads them where it is installed."""

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from corpus.configuration import Configuration
from corpus.errors import ConfigurationError
from pipelines.__main__ import main
from pipelines.scheduling.schedule import next_due, parse_schedule
from pipelines.scheduling.systemd import calendar_lines, faults, unit_name, units

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@needs_systemd
@pytest.mark.parametrize(
    "schedule", ["17 2 * * *", "*/20 8-18/5 * * 7", "0 0 13 * fri", "30 6 */7 2,3,12 tue,thu", "* * * * *"]
)
def test_a_timer_is_due_when_cron_is(schedule: str) -> None:
    command = ["systemd-analyze", "calendar", "--iterations=3", "--base-time=2026-11-29 12:00:00 UTC"]
    parsed = parse_schedule(schedule)
    told = subprocess.run(
        [*command, *calendar_lines(parsed)], env={"TZ": "UTC", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True
    )
    stamps = re.findall(r"(?:elapse|Iter\. #\d+): \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", told.stdout)
    found = sorted({datetime.fromisoformat(stamp).replace(tzinfo=UTC) for stamp in stamps})[:3]
    moment, expected = datetime(2026, 11, 29, 12, tzinfo=UTC), []
    for _ in range(3):
        start = next_due(parsed, moment, UTC)
        assert start is not None
        moment = start
        expected.append(start)
    assert found == expected, told.stdout + told.stderr


@needs_systemd
def test_units_of_odd_folders_pass_systemd_analyze(configuration: Configuration) -> None:
    folder = configuration.file.parent / 'a "folder" of $100%n\\'
    folder.mkdir()
    (folder / "scrapy.cfg").touch()
    assert faults(units(configuration, folder)) == ""
    broken = {
        name: text.replace("OnCalendar=*", "OnCalendar=often") for name, text in units(configuration, folder).items()
    }
    assert "often" in (faults(broken) or "")


def test_the_service_quotes_what_systemd_would_replace(configuration: Configuration) -> None:
    folder = configuration.file.parent / "$100%n"
    folder.mkdir()
    (folder / "scrapy.cfg").touch()
    service = units(configuration, folder)[f"{unit_name(configuration, 'refresh')}.service"]
    (command,) = [line for line in service.splitlines() if line.startswith("ExecStart=")]
    assert command.startswith('ExecStart=/bin/sh -c "mkdir -p ')
    assert "$$100%%n" in command
    assert f"WorkingDirectory={folder}".replace("%", "%%") in service


def test_units_of_two_configurations_have_names_of_their_own(configuration: Configuration) -> None:
    other = configuration.model_copy(update={"file": configuration.file.with_name("other.yaml")})
    assert re.fullmatch(r"shutterprint-refresh-[0-9a-f]{8}", unit_name(configuration, "refresh"))
    assert unit_name(configuration, "refresh") != unit_name(other, "refresh")


def test_show_prints_units_and_install_writes_them(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own, unit = tmp_path / "config" / "systemd" / "user", unit_name(configuration, "refresh")
    monkeypatch.setattr(sys, "argv", ["pipelines", "--config", str(configuration.file), "show", "--systemd"])
    assert main() == 0
    shown = capsys.readouterr().out
    assert f"# {unit}.timer\n[Unit]" in shown
    assert "OnCalendar=*-*-* 02:17:00" in shown
    assert f"systemctl --user enable --now {unit}.timer" in shown
    assert not own.exists()
    for words, folder in ((), own), ((str(tmp_path / "units"),), tmp_path / "units"):
        monkeypatch.setattr(sys, "argv", [*sys.argv[:3], "install", "--systemd", *words])
        assert main() == 0
        assert {file.name for file in folder.iterdir()} == set(units(configuration, tmp_path))
    monkeypatch.setattr(sys, "argv", [*sys.argv[:3], "install", "--systemd", str(configuration.file)])
    with pytest.raises(ConfigurationError, match="cannot be written"):
        main()
