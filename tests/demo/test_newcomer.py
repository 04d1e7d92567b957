"""The newcomer of the demo: which answers count as naming the enrolled camera."""

from demo.newcomer import recognised


def test_the_likeliest_camera_of_a_photograph_that_is_none_of_these_is_not_named() -> None:
    answers = [
        {"cameras": [["new", 0.9], ["old", 0.1]], "none_of_these": False},
        {"cameras": [["new", 0.6], ["old", 0.4]], "none_of_these": True},
        {"cameras": [["old", 0.8], ["new", 0.2]], "none_of_these": False},
        {"cameras": [], "error": "no photograph"},
    ]
    assert recognised(answers, "new") == (1, 1)
    assert recognised([], "new") == (0, 0)
