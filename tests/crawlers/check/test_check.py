"""`python -m crawlers.check`: what is wrong is said before a crawl finds out."""

import http.server
import json
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from corpus.errors import ConfigurationError
from corpus.storage import open_store
from crawlers.check.__main__ import main
from crawlers.check.machine import SPACE_SCARCE_BYTES, check_space, check_storage
from crawlers.check.result import SUBJECT_WIDTH
from crawlers.network.quota import Quota, quota_name
from demo.photo_site.server.site import API_KEY

WIKI = {
    "Category:Taken with Acme One": {
        "pageid": 1,
        "categoryinfo": {"size": 1236, "pages": 0, "files": 1234, "subcats": 2},
    },
    "Category:Taken with Acme Two": {"pageid": 2},
    "Category:Without a page": {"missing": True, "categoryinfo": {"size": 5, "pages": 0, "files": 5, "subcats": 0}},
}


class Wiki:
    """A MediaWiki that knows of itself and of categories; `tree` answers everything where it is given."""

    def __init__(self, lag_s=0, tree=None):
        self.asked, self.agents, wiki = [], [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                wiki.asked.append(asked)
                wiki.agents.append(self.headers["User-Agent"])
                answer = wiki.answer(asked) if tree is None else tree
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.lag_s = lag_s
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.api_url = f"http://127.0.0.1:{self.http.server_address[1]}/w/api.php"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, asked):
        if asked.get("meta") == "siteinfo":
            lags = [{"host": "db1", "lag": self.lag_s}]
            return {"query": {"general": {"sitename": "Ac\x1bme", "generator": "MediaWiki 1.39"}, "dbrepllag": lags}}
        titles = asked["titles"].split("|")
        spelt = {title: title.replace("_", " ") for title in titles if "_" in title}
        known = [spelt.get(title, title) for title in titles]
        pages = [
            {"title": title, **({"invalid": True} if "<" in title else WIKI.get(title, {"missing": True}))}
            for title in known
        ]
        normal = [{"fromencoded": False, "from": before, "to": after} for before, after in spelt.items()]
        return {"batchcomplete": True, "query": {"normalized": normal, "pages": pages[::-1]}}


@pytest.fixture
def start_wiki():
    wikis = []

    def start(**more):
        wikis.append(Wiki(**more))
        return wikis[-1]

    yield start
    for wiki in wikis:
        wiki.http.shutdown()
        wiki.http.server_close()


class Checking:
    """A configuration in a folder of its own, and the command with it."""

    def __init__(self, folder, cameras_file, monkeypatch, capsys):
        self.folder, self.capsys = folder, capsys
        self.tree = {
            "storage": "data",
            "catalogue": str(cameras_file),
            "crawl": {"contact": "tests@example.org", "limits_folder": str(folder / "limits")},
            "sources": {name: {"hosts": ["127.0.0.1"]} for name in ("flickr", "wikimedia")},
        }
        monkeypatch.delenv("FLICKR_API_KEY", raising=False)

    def write(self):
        file = self.folder / "pipelines.yaml"
        file.write_text(yaml.safe_dump(self.tree))
        return file

    def run(self, *arguments):
        """Return the exit code and the lines: status, subject, the rest."""
        code = main([*arguments, "--config", str(self.write())])
        self.output = "".join(self.capsys.readouterr())
        lines = self.output.splitlines()
        return code, [
            (line[:4].strip(), line[6 : 6 + SUBJECT_WIDTH].strip(), line[8 + SUBJECT_WIDTH :]) for line in lines
        ]


@pytest.fixture
def check(tmp_path, cameras_file, monkeypatch, capsys):
    return Checking(tmp_path, cameras_file, monkeypatch, capsys)


@pytest.fixture
def with_key(monkeypatch):
    monkeypatch.setenv("FLICKR_API_KEY", API_KEY)


@pytest.fixture
def flickr(check, start_site, with_key):
    """Return a site that the configuration names as Flickr."""
    site = start_site()
    check.tree["sources"]["flickr"]["api_url"] = site.flickr_api_url
    return site


def failures(lines):
    return [(subject, text) for status, subject, text in lines if status == "FAIL"]


def test_where_all_is_well_the_exit_code_is_0_and_every_line_says_what_was_found(check, flickr):
    code, lines = check.run("flickr")
    assert code == 0
    assert failures(lines) == []
    found = {subject: text for status, subject, text in lines if status == "ok"}
    assert found["contact"] == "tests@example.org"
    assert found["storage"].startswith(str(check.folder / "data"))
    assert found["limits folder"] == str(check.folder / "limits")
    assert found["flickr cameras"] == "2 of 2 have a path at flickr.com/cameras"
    assert found["flickr key"] == "accepted by 127.0.0.1"
    assert ("ok", "flickr licences", "4: Attribution License") in lines


def test_licences_of_the_site_that_are_not_taken_are_mentioned(check, flickr):
    check.tree["sources"]["flickr"]["licences"] = ["4", "5"]
    _, lines = check.run("flickr")
    assert ("note", "flickr licences", "0: All Rights Reserved: not taken") in lines
    assert ("note", "flickr licences", "16: CC BY-NC-ND 4.0: not taken") in lines
    assert ("note", "flickr licences", "4: Attribution License: not taken") not in lines


def test_a_licence_that_the_site_does_not_know_fails(check, flickr):
    check.tree["sources"]["flickr"]["licences"] = ["4", "99"]
    code, lines = check.run("flickr")
    assert code == 1
    [(subject, text)] = failures(lines)
    assert subject == "flickr licences"
    assert text.startswith("99: the site has 0, 4, 6")
    assert text.endswith("→ correct sources.flickr.licences")


def test_the_site_is_asked_once_as_a_crawl_would_ask_and_the_call_counts(check, flickr):
    check.run("flickr")
    [request] = flickr.requests
    assert "flickr.photos.licenses.getInfo" in request.query
    assert request.user_agent.endswith("(tests@example.org)")
    assert Quota(check.folder / "limits", quota_name(API_KEY), 3600).left(time.time()) == 359


def test_where_the_keys_calls_are_spent_it_says_so_and_asks_nothing(check, flickr):
    quota = Quota(check.folder / "limits", quota_name(API_KEY), 3600)
    while quota.try_take(time.time()) is None:
        pass
    code, lines = check.run("flickr")
    assert code == 0
    assert any(status == "note" and "the key's calls of this hour are spent" in text for status, _, text in lines)
    assert flickr.requests == []


def test_a_key_that_is_missing_fails_with_the_cure(check, start_site):
    check.tree["sources"]["flickr"]["api_url"] = start_site().flickr_api_url
    code, lines = check.run("flickr")
    assert code == 1
    assert failures(lines) == [("flickr key", "FLICKR_API_KEY is not set → put your key into the environment")]


def test_a_key_that_is_not_accepted_fails_and_is_not_shown(check, flickr, monkeypatch):
    monkeypatch.setenv("FLICKR_API_KEY", "s3cret-and-wrong")
    code, lines = check.run("flickr")
    assert code == 1
    [(_, text)] = failures(lines)
    assert "error 100" in text
    assert "FLICKR_API_KEY" in text
    assert "s3cret" not in check.output


@pytest.mark.parametrize(
    "tree",
    [
        {"stat": "fail", "code": 100, "message": f"Invalid API Key {API_KEY}"},
        {"stat": "ok", "licenses": {"license": [{"id": "4", "name": API_KEY}]}},
        {"stat": "ok", "licenses": {"license": [{"id": API_KEY, "name": "x"}]}},
        {"stat": "ok", "licenses": [API_KEY]},
        f"<html>{API_KEY}</html>".encode(),
        [API_KEY],
    ],
)
def test_a_site_that_repeats_the_key_does_not_make_it_shown(check, start_wiki, with_key, tree):
    check.tree["sources"]["flickr"]["api_url"] = start_wiki(tree=tree).api_url
    code, _ = check.run("flickr")
    assert code == 1
    assert API_KEY not in check.output


def test_cameras_that_a_site_is_not_asked_for_are_named(check, flickr, tmp_path, cameras_file):
    cameras = yaml.safe_load(cameras_file.read_text())
    del cameras["acme-two"]["flickr"]
    check.tree["catalogue"] = str(tmp_path / "cameras.yaml")
    (tmp_path / "cameras.yaml").write_text(yaml.safe_dump(cameras))
    code, lines = check.run("flickr")
    assert code == 0
    text = "without a path at flickr.com/cameras, so not asked for: acme-two"
    assert ("note", "flickr cameras", text) in lines
    check.tree["cameras"] = ["acme-two"]
    code, lines = check.run("flickr")
    assert code == 1
    assert [subject for subject, _ in failures(lines)] == ["flickr cameras"]


def test_a_host_that_is_not_named_or_not_public_fails(check, flickr):
    check.tree["sources"]["flickr"]["hosts"] = ["api.flickr.com"]
    code, lines = check.run("flickr")
    assert (code, "is not one of the source's hosts" in failures(lines)[0][1]) == (1, True)
    check.tree["sources"]["flickr"] |= {
        "hosts": ["localhost"],
        "api_url": flickr.flickr_api_url.replace("127.0.0.1", "localhost"),
    }
    code, lines = check.run("flickr")
    assert (code, "which is not public" in failures(lines)[0][1]) == (1, True)
    assert flickr.requests == []


def test_the_wiki_says_its_name_and_every_category_its_files(check, start_wiki):
    wiki = start_wiki(lag_s=3.5)
    check.tree["sources"]["wikimedia"] |= {"api_url": wiki.api_url, "categories": ["Without_a_page"]}
    code, lines = check.run("wikimedia")
    assert code == 0
    assert ("ok", "wikimedia site", r"Ac\x1bme (MediaWiki 1.39) at 127.0.0.1") in lines
    assert ("ok", "wikimedia lag", "3.5 s") in lines
    assert [line for line in lines if line[1] == "wikimedia category"] == [
        ("ok", "wikimedia category", "Category:Without_a_page: files 5, subcategories 0"),
        ("ok", "wikimedia category", "Category:Taken with Acme One: files 1,234, subcategories 2"),
        ("note", "wikimedia category", "Category:Taken with Acme Two: is empty"),
    ]
    assert {agent.partition(" ")[2] for agent in wiki.agents} == {"(tests@example.org)"}


def test_categories_that_do_not_exist_or_cannot_fail_with_their_place(check, start_wiki):
    check.tree["sources"]["wikimedia"] |= {"api_url": start_wiki().api_url, "categories": ["Gone", "<b>", "a|b"]}
    code, lines = check.run("wikimedia")
    assert code == 1
    cure = "correct sources.wikimedia.categories"
    assert sorted(failures(lines)) == [
        ("wikimedia category", f"Category:<b>: is no title a page can have → {cure}"),
        ("wikimedia category", f"Category:Gone: does not exist → {cure}"),
        ("wikimedia category", f"Category:a|b: no title has | → {cure}"),
    ]


def test_categories_are_asked_for_fifty_at_a_time(check, start_wiki):
    wiki = start_wiki()
    names = [f"Category number {number}" for number in range(100)]
    check.tree["sources"]["wikimedia"] |= {"api_url": wiki.api_url, "categories": names}
    _, lines = check.run("wikimedia")
    assert [len(asked["titles"].split("|")) for asked in wiki.asked[1:]] == [50, 50, 2]
    assert len(failures(lines)) == 100


def test_a_lag_that_makes_crawls_wait_is_noted(check, start_wiki):
    check.tree["sources"]["wikimedia"]["api_url"] = start_wiki(lag_s=7).api_url
    code, lines = check.run("wikimedia")
    assert code == 0
    text = "replicas are 7 s behind; crawls wait while it is more than 5 s"
    assert ("note", "wikimedia lag", text) in lines


@pytest.mark.parametrize(
    "tree",
    [
        None,
        [],
        {},
        {"query": []},
        {"query": {"general": {}, "dbrepllag": "x"}},
        {"query": {"general": {"sitename": 1}, "dbrepllag": [{"lag": "x"}, 1], "normalized": 1, "pages": {}}},
        {"query": {"general": {}, "dbrepllag": [], "normalized": [1], "pages": [1, {"title": []}]}},
        {"error": {"code": "readonly", "info": "no"}},
        {"error": 1},
        b"<html>no such page</html>",
    ],
)
def test_an_answer_of_another_shape_fails(check, start_wiki, tree):
    body = b"null" if tree is None else tree
    check.tree["sources"]["wikimedia"]["api_url"] = start_wiki(tree=body).api_url
    code, lines = check.run("wikimedia")
    assert code == 1
    assert len(failures(lines)) == 1


def test_a_folder_of_existing_files_is_counted(check, tmp_path):
    for name in ("a/1.jpg", "a/2.JPG", "b/c.txt"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(b"")
    check.tree["sources"]["folder"] = {"path": "photos", "pattern": "**/*.jpg"}
    code, lines = check.run("folder")
    assert code == 0
    assert ("ok", "folder", f"{tmp_path / 'photos'}: 1 of 3 files match **/*.jpg") in lines


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"path": ""}, "sources.folder.path is empty"),
        ({"path": "nowhere"}, "nowhere: cannot be listed: No such file or directory"),
        ({"path": "limits"}, "0 of 0 files match"),
        ({"path": "data/originals"}, "lies in the storage"),
    ],
)
def test_a_folder_without_files_fails(check, section, expected):
    (check.folder / "limits").mkdir()
    check.tree["sources"]["folder"] = section
    code, lines = check.run("folder")
    assert code == 1
    [(subject, text)] = failures(lines)
    assert subject == "folder"
    assert expected in text


def test_a_storage_that_cannot_be_written_fails_and_the_rest_is_looked_at_all_the_same(check, flickr):
    (check.folder / "data").write_text("a file, not a folder")
    code, lines = check.run("flickr")
    assert code == 1
    assert [subject for subject, _ in failures(lines)] == ["storage"]
    assert "flickr key" in [subject for _, subject, _ in lines]


def test_nothing_of_the_check_is_left_in_the_storage_or_among_the_limits(check, tmp_path):
    (tmp_path / "photos").mkdir()
    check.run("folder")
    assert list((check.folder / "data").rglob("*")) == []
    assert list((check.folder / "limits").rglob("*")) == []


def test_little_free_space_is_noted():
    assert check_space(SPACE_SCARCE_BYTES - 1).status == "note"
    assert check_space(SPACE_SCARCE_BYTES).status == "ok"


@pytest.mark.parametrize("folder", ["limits/below a file", "relative"])
def test_a_limits_folder_that_cannot_be_used_fails_and_no_site_is_asked(check, flickr, folder):
    (check.folder / "limits").write_text("a file, not a folder")
    check.tree["crawl"]["limits_folder"] = folder if folder == "relative" else str(check.folder / folder)
    code, lines = check.run("flickr")
    assert code == 1
    assert [subject for subject, _ in failures(lines)] == ["limits folder", "flickr site"]
    assert flickr.requests == []


def test_without_a_contact_a_site_cannot_be_crawled_but_a_folder_can(check, tmp_path):
    check.tree["crawl"]["contact"] = " "
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"")
    check.tree["sources"]["folder"] = {"path": "photos"}
    assert check.run("folder")[0] == 0
    code, lines = check.run("flickr")
    assert code == 1
    assert "contact" in [subject for subject, _ in failures(lines)]


def test_sources_that_are_not_named_are_those_in_use(check, flickr, start_wiki, tmp_path, monkeypatch):
    def subjects():
        return {subject.split()[0] for _, subject, _ in check.run()[1]} & {"flickr", "wikimedia", "folder"}

    check.tree["sources"]["wikimedia"]["api_url"] = start_wiki().api_url
    assert subjects() == {"flickr", "wikimedia"}
    check.tree["sources"]["folder"] = {"path": "photos"}
    assert subjects() == {"flickr", "wikimedia", "folder"}
    check.tree["crawl"]["contact"] = ""
    monkeypatch.delenv("FLICKR_API_KEY")
    assert subjects() == {"folder"}
    check.tree["sources"]["folder"] = {}
    code, lines = check.run()
    assert code == 1  # no contact, and nothing that could do without
    assert ("note", "sources") in [line[:2] for line in lines]


def test_a_source_that_does_not_exist_is_a_users_mistake(check):
    with pytest.raises(ConfigurationError, match="flikr: is not a source; there are flickr, wikimedia, folder"):
        check.run("flikr")


def test_the_command_ends_with_its_exit_code_and_without_a_traceback(check, repository):
    command = [sys.executable, "-m", "crawlers.check", "flikr", "--config", str(check.write())]
    mistake = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert mistake.returncode == 2
    assert mistake.stderr == "flikr: is not a source; there are flickr, wikimedia, folder, and catalogue\n"


ENTRY = "{key}: {{name: {key}, make: [Acme], model: ['{model}'], sizes: [64x48], source: [a manual]}}\n"


@pytest.fixture
def own_catalogue(tmp_path):
    """Return a function that configures a catalogue of one's own and returns the words that name the configuration."""

    def write(**models):
        entries = [ENTRY.format(key=key, model=model) for key, model in models.items()]
        (tmp_path / "mine.yaml").write_text("".join(entries))
        (tmp_path / "pipelines.yaml").write_text("storage: data\ncatalogue: mine.yaml\n")
        return ["--config", str(tmp_path / "pipelines.yaml"), "--set", "cameras=all"]

    return write


def test_a_catalogue_of_ones_own_with_gaps_alone_is_well(own_catalogue, capsys):
    assert main(["catalogue", *own_catalogue(one="One", two="Two")]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("ok    catalogue             2 cameras")
    assert all(line.startswith("note  gap of ") for line in others)
    assert not any("storage" in line for line in others), "no crawl was asked about"


def test_two_cameras_of_a_catalogue_that_take_one_name_fail(own_catalogue, capsys):
    assert main(["catalogue", *own_catalogue(one="One*", two="One Plus")]) == 1
    fault = capsys.readouterr().out.splitlines()[0]
    assert fault.startswith("FAIL  overlap of model")
    assert "model 'one plus' is taken by one and two → narrow their model patterns" in fault


def test_the_catalogue_is_checked_beside_a_source_that_is_named(own_catalogue, capsys):
    main(["catalogue", "folder", *own_catalogue(one="One")])
    shown = capsys.readouterr().out
    assert "catalogue " in shown
    assert "storage" in shown


def test_a_word_that_is_neither_a_source_nor_the_catalogue_is_told(own_catalogue):
    with pytest.raises(ConfigurationError, match="flickr, wikimedia, folder, and catalogue"):
        main(["cameras", *own_catalogue(one="One")])


class Unwilling(http.server.BaseHTTPRequestHandler):
    """An object store that asks everybody to slow down."""

    def do_PUT(self):
        self.server.asked += 1
        text = b"<Error><Code>SlowDown</Code><Message>slow down</Message></Error>"
        self.send_response(503)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def test_an_object_store_that_does_not_answer_well_is_asked_once(monkeypatch):
    s3fs = pytest.importorskip("s3fs", reason="needs the extra s3")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unwilling) as server:
        server.asked = 0
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        s3fs.S3FileSystem.clear_instance_cache()
        (finding,) = check_storage(open_store("s3://bucket/prefix"))
        s3fs.S3FileSystem.clear_instance_cache()
        server.shutdown()
    assert finding.status == "FAIL"
    assert "it asks to slow down" in finding.text
    assert server.asked == 1
