"""A disk that fills up under a crawl: one sentence, exit code 2, no receipt, and the next crawl goes on."""

import shutil
import subprocess

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode != 0,
    reason="this user may not unshare the mount namespace and mount a tmpfs",
)
@pytest.mark.parametrize("limit", ["size=600k", "nr_inodes=12", "nr_inodes=13"])
def test_a_full_disk_ends_a_crawl_with_a_sentence_and_it_goes_on_with_another(make_crawler, make_jpeg, tmp_path, limit):
    crawler, photos = make_crawler(), tmp_path / "photos"
    photos.mkdir()
    for number in range(12):
        (photos / f"{number}.jpg").write_bytes(make_jpeg(number))
    crawler.store.publish("x", b"")
    settings = (f"sources.folder.path={photos}",)
    command = crawler.command("folder", *settings)
    full = crawler.process(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            'mount -t tmpfs -o "$0" none "$1" && shift && exec "$@"',
            limit,
            crawler.store.url,
            *command,
        ]
    )
    assert full.returncode == 2, full.stderr
    assert "the disk is full; free space there, then give the same command again" in full.stderr
    assert "Traceback" not in full.stderr
    again = crawler.run("folder", *settings)
    assert again.exit_code == 0, again.log
    assert sum(row["state"] == "stored" for row in crawler.rows("folder")) == 12
