"""Ray output: Ray's lines on its own work are told from a job's, and its errors stay among the output."""

import sys
from pathlib import Path

import pytest

from pipelines.ray_output import is_of_ray
from pipelines.run import _run_command


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-29 03:16:53,873\tINFO cli.py:42 -- \x1b[37mJob submission server address\x1b[39m: http://127.0.0.1:1\n",
        "2026-11-29 03:16:53,874\tWARNING working_dir.py:101 -- Directory '.git' is now ignored by default\n",
        "2026-11-29 03:16:58,782\tSUCC cli.py:66 -- \x1b[32m-------\x1b[39m\n",
        "Running entrypoint for job shutterprint-b8d4: python train/main.py --config pipelines.yaml\n",
    ],
)
def test_lines_on_rays_own_work_are_rays(line: str) -> None:
    assert is_of_ray(line)


@pytest.mark.parametrize(
    "line",
    [
        "epoch   1/7  loss 1.9  accuracy 0.40  validation 0.61\n",
        "2026-11-29 03:12:39 INFO crawl complete in 5.4 s: windows 12\n",
        "2026-11-29 03:16:58,782\tERR cli.py:71 -- Job 'shutterprint-b8d4' failed\n",
        "\n",
    ],
)
def test_lines_of_the_job_and_rays_errors_are_not(line: str) -> None:
    assert not is_of_ray(line)


def test_a_jobs_lines_are_printed_and_rays_written_to_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_ray = "2026-11-29 03:16:58,782\tINFO cli.py:330 -- Next steps"
    program = f"import sys; print({of_ray!r}); print('epoch 1'); print('one sentence', file=sys.stderr); sys.exit(3)"
    with (tmp_path / "lock").open("w") as lock:
        code = _run_command([sys.executable, "-c", program], {}, lock.fileno(), tmp_path / "ray-job.log")
    assert code == 3
    assert sorted(capsys.readouterr().out.split("\n")) == ["", "epoch 1", "one sentence"]
    assert (tmp_path / "ray-job.log").read_text() == of_ray + "\n"
