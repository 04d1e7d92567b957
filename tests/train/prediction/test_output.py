"""What people and programs read: a table, JSON, and the challenge's submission."""

import csv
import json
import os
from collections.abc import Callable

import pytest

from train.model.loaded import Model
from train.prediction.answers import Answer
from train.prediction.output import as_dict, submission_line, submission_names, table

ANSWER = Answer("a/p.jpg", None, (("iphone-6", 0.9), ("other", 0.1)), "Apple", "iPhone 6", "iphone-6", "agrees")


class Names(Model):
    """Only the names of cameras."""

    def __init__(self, form: str = "The {}") -> None:
        object.__setattr__(self, "form", form)

    def name_of(self, key: str) -> str:
        return self.form.format(key)  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def lines() -> Callable[..., list[str]]:
    return lambda *answers: table(answers, Names())


def test_a_submission_has_the_challenges_names_and_the_key_of_any_other_camera() -> None:
    assert submission_line("p.jpg", ANSWER) == "p.jpg,iPhone-6"
    assert submission_line("p.jpg", Answer("p.jpg", cameras=(("other", 1.0),))) == "p.jpg,other"
    assert submission_line("p.jpg", Answer("p.jpg", "is damaged")) == "p.jpg,"


def test_names_in_a_submission_can_be_read_back_whatever_they_are() -> None:
    odd = 'a,"b"\nc'
    assert list(csv.reader(submission_line(odd, ANSWER).splitlines(keepends=True))) == [[odd, "iPhone-6"]]
    assert submission_line(os.fsdecode(b"caf\xe9"), ANSWER) == r"caf\xe9,iPhone-6"


def test_files_of_the_same_name_are_told_apart_by_their_paths() -> None:
    assert submission_names(["a/p.tif", "b/q.tif"]) == ["p.tif", "q.tif"]
    assert submission_names(["a/p.tif", "b/p.tif", "q.tif"]) == ["a/p.tif", "b/p.tif", "q.tif"]


def test_the_table_says_none_of_these_and_whose_sibling_it_is(lines: Callable[..., list[str]]) -> None:
    none = Answer(**{**as_dict(ANSWER), "none_of_these": True, "none_probability": 0.93})
    assert "none of these 0.93 (nearest: The iphone-6 0.90" in lines(none)[1]
    refused = Answer(**{**as_dict(none), "none_probability": 0.08})
    assert "none of these (refused at the 5 % threshold) (nearest: The iphone-6 0.90" in lines(refused)[1]
    sibling = Answer(**{**as_dict(none), "sibling": "other", "sibling_probability": 0.8})
    assert "none of these 0.93, a sibling of The other 0.80" in lines(sibling)[1]


def test_notes_stand_behind_the_verdict_and_nothing_steers_the_terminal(lines: Callable[..., list[str]]) -> None:
    noted = Answer(**{**as_dict(ANSWER), "notes": ("turned by 180°", "a PNG"), "file": "a\x1b[2J.png"})
    header, line = lines(noted)
    assert line.startswith(r"a\x1b[2J.png  The iphone-6 0.90")
    assert line.endswith("agrees  turned by 180°; a PNG")
    assert json.loads(json.dumps(as_dict(noted)))["notes"] == ["turned by 180°", "a PNG"]
    assert header.startswith("photograph")


def test_no_cameras_name_steers_the_terminal() -> None:
    steering = Names("\x1b]0;{}\x07\u202e")
    answered = Answer(**{**as_dict(ANSWER), "model": "\x1b[31m", "make": None, "claim": None})
    none = Answer(**{**as_dict(ANSWER), "none_of_these": True, "none_probability": 0.9})
    sibling = Answer(**{**as_dict(none), "sibling": "other", "sibling_probability": 0.8})
    for line in table([answered, ANSWER, none, sibling], steering):
        assert line.isprintable()
