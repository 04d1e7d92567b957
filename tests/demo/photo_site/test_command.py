"""`python -m demo.photo_site` serves a folder until it is stopped."""

import re
import signal
import subprocess
import sys

import pytest
import requests

CAMERAS = """
ash-one:
  name: Ash One
  make: [Ash]
  model: [One]
  sizes: [64x48]
  flickr: ash/one
"""


@pytest.fixture
def command(tmp_path):
    cameras = tmp_path / "cameras.yaml"
    cameras.write_text(CAMERAS)
    return [sys.executable, "-m", "demo.photo_site", "--port", "0", "--cameras", str(cameras)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_serves_until_it_is_stopped_and_ends_cleanly(command, number, small_uploads, repository):
    process = subprocess.Popen(
        [*command, str(small_uploads)], cwd=repository, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        url = re.fullmatch(r"ready: (http://127\.0\.0\.1:\d+)\n", process.stdout.readline()).group(1)
        query = {
            "method": "flickr.photos.search",
            "api_key": "f" * 32,
            "camera": "ash/one",
            "format": "json",
            "nojsoncallback": "1",
        }
        with requests.Session() as session:  # its connection is open while the site stops
            found = session.get(f"{url}/services/rest/", params=query, timeout=10).json()
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert len(found["photos"]["photo"]) == 10
    assert (process.returncode, errors) == (0, "")


def test_folder_without_uploads_is_refused_with_a_sentence(command, tmp_path, repository):
    done = subprocess.run([*command, str(tmp_path)], cwd=repository, text=True, capture_output=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == f"{tmp_path}: has no uploads.json; name a folder that demo.uploads.make has made\n"
