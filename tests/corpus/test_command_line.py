"""What all commands share: any name can be printed, in any encoding, and none of them steers the terminal."""

import errno
import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from corpus.command_line import command_parser, exit_with
from corpus.errors import StageError

NAME = os.fsdecode(b"caf\xe9\x1b[2J\n\xc2\x9b \xe2\x80\xae.jpg")
SHOWN = r"caf\xe9\x1b[2J\n\x9b \u202e.jpg"


@pytest.mark.parametrize(("encoding", "umlaut"), [("utf-8", "ü"), ("ascii", r"\xfc")])
def test_a_name_that_the_encoding_lacks_loses_no_output(
    monkeypatch: pytest.MonkeyPatch, encoding: str, umlaut: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, errors="strict"))
    with pytest.raises(SystemExit) as caught:
        exit_with(lambda: print("ü", os.fsdecode(b"\xe9")) or 0)
    sys.stdout.flush()
    assert caught.value.code == 0
    assert written.getvalue().decode(encoding) == rf"{umlaut} \udce9" + "\n"


def test_an_error_keeps_its_lines_and_nothing_else_that_is_not_seen(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise StageError("first\x1b[2J\u202e\nsecond")

    with pytest.raises(SystemExit) as caught:
        exit_with(fail)
    assert caught.value.code == 2
    assert capsys.readouterr().err == "first\\x1b[2J\\u202e\nsecond\n"


def test_a_file_of_this_machine_that_cannot_be_written_is_named_without_what_steers_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "a\x1b[2J\u202e.tmp")

    with pytest.raises(SystemExit) as caught:
        exit_with(fail)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("a\\x1b[2J\\u202e.tmp: the disk is full")


def test_an_argument_that_is_refused_is_quoted_without_what_steers_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        command_parser("a command", "").parse_args([NAME])
    assert f"unrecognized arguments: {SHOWN}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["curation.explain"],
        ["crawlers.forget", "--dry-run"],
        ["crawlers.forget", "--file"],
        ["curation.run", "--config"],
    ],
    ids=lambda words: " ".join(words),
)
def test_commands_take_and_show_any_name(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "pipelines.yaml").write_text("storage: data\n")
    process = subprocess.run(
        [sys.executable, "-m", *arguments, NAME],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict", "PYTHONPATH": os.getcwd()},  # noqa: PTH109
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 2, process.stderr
    assert SHOWN in process.stderr
    assert "Traceback" not in process.stderr


def test_a_reader_that_has_gone_ends_a_command_without_a_word() -> None:
    command = "from corpus.command_line import exit_with; exit_with(lambda: print('a line\\n' * 100_000) or 0)"
    with subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_another_pipe_that_breaks_is_not_taken_for_the_reader(repository: Path) -> None:
    command = textwrap.dedent(
        """
        import os
        from corpus.command_line import exit_with

        def main():
            reader, writer = os.pipe()
            os.close(reader)
            os.write(writer, b"to a process that has ended")
            return 0

        exit_with(main)
        """
    )
    result = subprocess.run(
        [sys.executable, "-c", command], cwd=repository, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.rstrip().endswith("BrokenPipeError: [Errno 32] Broken pipe")
