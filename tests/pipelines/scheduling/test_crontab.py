"""The crontab: our own block and no other line, whatever stands there; a program stands for cron's own `crontab`."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from corpus.configuration import Configuration
from corpus.errors import ConfigurationError, StageError
from pipelines.__main__ import main
from pipelines.scheduling import crontab
from pipelines.scheduling.crontab import block, read_crontab, write_crontab

Call = Callable[..., str]

OTHERS = [
    b"",
    b"# mine\nMAILTO=me@example.org\n\n5 4 * * * echo 100\\%  # tidy\n",
    "17 3 * * * echo gr\xfc\xdfe\n".encode("latin-1"),  # no UTF-8
    b"0 0 * * * a line\r\n\t# >>> shutterprint\n\n\n",
]


@pytest.fixture
def call(
    configuration: Configuration,
    crontab_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """Return a function that gives a command of `pipelines` in the configuration's folder and returns its output."""
    monkeypatch.chdir(configuration.file.parent)

    def called(*words: str, file: Path = configuration.file) -> str:
        monkeypatch.setattr(sys, "argv", ["pipelines", "--config", str(file), *words])
        capsys.readouterr()
        assert main() == 0
        return capsys.readouterr().out

    return called


@pytest.mark.parametrize("others", OTHERS)
def test_other_lines_stay_as_they_are_through_install_and_remove(call: Call, crontab_file: Path, others: bytes) -> None:
    crontab_file.write_bytes(others)
    call("install")
    text = crontab_file.read_bytes()
    assert text.startswith(others)
    assert text.count(b"-m pipelines --config") == 1
    call("remove")
    assert crontab_file.read_bytes() == others


def test_installing_again_writes_nothing_and_removing_twice_neither(call: Call, crontab_file: Path) -> None:
    call("install")
    assert "already" in call("install")
    call("remove")
    assert "no lines" in call("remove")
    assert len(crontab_file.with_name("crontab.txt.writes").read_text().splitlines()) == 2


def test_a_changed_configuration_replaces_the_block_where_it_stands(
    call: Call, configuration: Configuration, crontab_file: Path
) -> None:
    crontab_file.write_bytes(b"# above\n")
    call("install")
    with crontab_file.open("ab") as file:
        file.write(b"# below\n")
    configuration.file.write_text(configuration.file.read_text().replace("17 2 * * *", "41 */2 * * 1-5"))
    call("install")
    lines = crontab_file.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("# above", "# below")
    assert [line[:14] for line in lines if not line.startswith("#")] == ["41 */2 * * 1-5"]


def test_installing_without_a_schedule_left_takes_the_block_out(
    call: Call, configuration: Configuration, crontab_file: Path
) -> None:
    crontab_file.write_bytes(b"# mine\n")
    call("install")
    configuration.file.write_text(configuration.file.read_text().replace("    schedule: '17 2 * * *'\n", ""))
    assert call("install").splitlines() == [
        "no pipeline has a schedule any more", "removed from your crontab; its other lines are as they were"
    ]  # fmt: skip
    assert crontab_file.read_bytes() == b"# mine\n"


def test_two_configurations_have_a_block_each(call: Call, configuration: Configuration, crontab_file: Path) -> None:
    other = configuration.file.with_name("other.yaml")
    shutil.copy(configuration.file, other)
    call("install")
    call("install", file=other)
    call("remove")
    text = crontab_file.read_text()
    assert f"--config {other} run refresh" in text
    assert f"--config {configuration.file} " not in text


@pytest.mark.parametrize("damage", ["# >>> shutterprint", "# <<< shutterprint"])
def test_a_damaged_block_is_left_to_a_person(
    call: Call, configuration: Configuration, crontab_file: Path, damage: str
) -> None:
    call("install")
    lines = crontab_file.read_bytes().splitlines(keepends=True)
    crontab_file.write_bytes(damaged := b"".join(line for line in lines if not line.startswith(damage.encode())))
    for command in ("install", "remove"):
        with pytest.raises(StageError, match="damaged block"):
            call(command)
    assert crontab_file.read_bytes() == damaged


def test_what_somebody_else_writes_meanwhile_is_not_lost(crontab_file: Path) -> None:
    before = read_crontab()
    crontab_file.write_bytes(b"# theirs\n")
    with pytest.raises(StageError, match="changed by somebody else"):
        write_crontab(before, b"# ours\n")
    assert crontab_file.read_bytes() == b"# theirs\n"


@pytest.mark.parametrize("where", ["before", "after"])
def test_where_the_program_does_not_end_the_crontab_is_read_again(
    crontab_file: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    program = crontab_file.with_name("crontab")
    writing = {"before": "exec sleep 60", "after": f"cat > '{crontab_file}'; exec sleep 60"}[where]
    program.write_text(program.read_text().replace("-)  cat", f"-)  {writing}; cat"))
    monkeypatch.setattr(crontab, "_TIMEOUT_S", 0.5)
    if where == "after":
        write_crontab(b"", b"# ours\n")
        assert crontab_file.read_bytes() == b"# ours\n"
    else:
        with pytest.raises(StageError, match=r"has not ended within .*; the crontab is as it was"):
            write_crontab(b"", b"# ours\n")


def test_the_line_works_in_the_bare_environment_of_cron(
    call: Call, configuration: Configuration, crontab_file: Path, tmp_path: Path
) -> None:
    call("install")
    (line,) = [line for line in crontab_file.read_text().splitlines() if not line.startswith("#")]
    command = line.removeprefix("17 2 * * * ").replace(r"\%", "%")
    bare = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "HOME": str(tmp_path), "LOGNAME": "tester"}
    repository = Path(__file__).resolve().parents[3]  # the fixture's python is not that of the environment
    path = os.pathsep.join([str(repository), *(path for path in sys.path if path.endswith("site-packages"))])
    result = subprocess.run(
        ["/bin/sh", "-c", command],
        env=bare | {"PYTHONPATH": path},
        cwd="/",
        capture_output=True,
        check=False,
        timeout=60,
    )
    log = (configuration.file.parent / "logs" / "refresh.log").read_text()
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b""), log
    assert (configuration.file.parent / "ran").read_text().split() == ["flickr", "wikimedia", "folder"]
    assert "[3/3] done in" in log


def test_odd_paths_are_quoted_and_percents_escaped(configuration: Configuration) -> None:
    folder = configuration.file.parent / "a folder" / "100%"
    folder.mkdir(parents=True)
    (folder / "scrapy.cfg").touch()
    text = block(configuration, folder).decode()
    assert f"cd {shlex.quote(str(folder))}".replace("%", r"\%") in text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("scrapy crawl folder", "rm -rf /"), "'rm -rf /' is not one of"),
        (("scrapy crawl folder", "python train/main.py"), "needs train/main.py in the working directory"),
        (("    schedule: '17 2 * * *'\n", ""), "no pipeline has a schedule"),
    ],
)
def test_what_would_fail_at_night_is_not_installed(
    call: Call, configuration: Configuration, crontab_file: Path, change: tuple[str, str], sentence: str
) -> None:
    configuration.file.write_text(configuration.file.read_text().replace(*change))
    with pytest.raises(ConfigurationError, match=sentence):
        call("install")
    assert not crontab_file.exists()


def test_a_line_that_cron_would_find_too_long_is_refused(configuration: Configuration, tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["x" * 200] * 5)
    folder.mkdir(parents=True)
    (folder / "scrapy.cfg").touch()
    with pytest.raises(ConfigurationError, match="cron takes 990"):
        block(configuration, folder)


def test_show_tells_what_would_be_there_and_what_is(call: Call, configuration: Configuration) -> None:
    assert "The crontab has none of them." in call("show")
    call("install")
    assert "The crontab has exactly these." in call("show")
    configuration.file.write_text(configuration.file.read_text().replace("17 2", "18 2"))
    shown = call("show")
    assert "The crontab has others" in shown
    assert "\n18 2 * * * " in shown
    assert "\n17 2 * * * " in shown


def test_a_missing_key_and_a_second_line_for_the_same_pipeline_are_told(
    call: Call, configuration: Configuration, crontab_file: Path
) -> None:
    crontab_file.write_text(f"0 1 * * * python -m pipelines --config {configuration.file} run refresh\n")
    shown = call("install")
    assert "note: another line of the crontab starts a pipeline, too" in shown
    assert "put a line FLICKR_API_KEY=… above the block" in shown
    call("remove")
    crontab_file.write_text("FLICKR_API_KEY=x\n")
    assert "FLICKR_API_KEY" not in call("install")


def test_without_cron_the_other_way_is_named(configuration: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(configuration.file.parent))
    with pytest.raises(StageError, match=r"no program `crontab`.* show --systemd"):
        read_crontab()


def test_the_crontab_program_of_this_machine_takes_and_returns_the_block(configuration: Configuration) -> None:
    """The real program, in a mount namespace whose folder of crontabs is empty: the machine's own is not touched."""
    spool = "/var/spool/cron/crontabs"
    inside = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {spool} && exec "$@"', "sh"]
    is_possible = shutil.which("crontab") and shutil.which("unshare") and Path(spool).is_dir()
    if not is_possible or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs Debian's cron, and the right to make a mount namespace")
    code = (
        "import sys; from pathlib import Path\n"
        "from corpus.configuration import read_configuration\n"
        "from pipelines.scheduling.crontab import block, read_crontab, with_block, without_block, write_crontab\n"
        "configuration = read_configuration(sys.argv[1]); new = block(configuration, Path(sys.argv[1]).parent)\n"
        "other = '# gr\\xfc\\xdfe\\n1 2 3 4 5 true\\n'.encode('latin-1')\n"
        "assert read_crontab() == b''; write_crontab(b'', other)\n"
        "after = with_block(other, configuration, new); write_crontab(other, after); assert read_crontab() == after\n"
        "write_crontab(after, without_block(after, configuration)); assert read_crontab() == other\n"
        "write_crontab(other, b''); assert read_crontab() == b''\n"
    )
    program = [configuration.file.parent / "bin" / "python", "-c", code, configuration.file]
    path = os.pathsep.join(sys.path)
    environment = {**os.environ, "PYTHONPATH": path}
    result = subprocess.run(
        [*inside, *program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
