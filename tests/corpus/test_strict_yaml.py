"""YAML by the rules of version 1.2: what is a number and what is text, keys given twice, aliases without end."""

import time
from typing import Any

import pytest
import yaml

from corpus.strict_yaml import YamlError, parse_yaml, yaml_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:30", "1:30"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("2010-02-30", "2010-02-30"),
        ("2010-01-31", "2010-01-31"),
        *((word, word) for word in ("yes", "no", "on", "off", "y", "n", "=", "<<")),
        ("TRUE", True),
        ("~", None),
        ("", None),
        ("'5'", "5"),
    ],
)
def test_numbers_are_those_of_version_1_2_and_every_other_word_is_text(text: str, value: Any) -> None:
    found = parse_yaml(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3", "a is given twice, in line 1 and in line 3; remove one"),
        ("a:\n  b: 1\n  c: {d: 1,\n    d: 2}", "d is given twice, in line 3 and in line 4; remove one"),
        ("- a: 1\n  'a': 2", "a is given twice, in line 1 and in line 2; remove one"),
        ("a: 1\n5: 2", "line 2: the key 5 is read as int; put it in quotes"),
        ("? [a]\n: b", "line 1: a key is a list or a mapping; write a word"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "line 3: `<<` merges mappings in version 1.1 only; write the keys out"),
        ("a: &x [*x]", "line 1: what an anchor names holds an alias of itself"),
        ("!!python/object/apply:os.system ['true']", "line 1, column 1: could not determine a constructor"),
        ("!!timestamp 2010-02-30", "line 1, column 1: could not determine a constructor"),
        ("!!int x", "line 1: 'x' is tagged as int, which it is not"),
        ("9" * 5000, "line 1: a number of 5,000 digits is too long"),
        ("[" * 100_000, "lists and mappings are nested too deeply"),
        ("a: b: c", "line 1, column 5: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2", "line 2, column 1: expected a single document"),
        ("\x00", "unacceptable character #x0000"),
    ],
)
def test_what_nobody_can_have_meant_is_refused_in_one_sentence_with_its_lines(text: str, sentence: str) -> None:
    with pytest.raises(YamlError) as caught:
        parse_yaml(text)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_aliases_are_read_but_may_not_multiply() -> None:
    assert parse_yaml("a: &sizes [1, 2]\nb: *sizes") == {"a": [1, 2], "b": [1, 2]}
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    laughs += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    began_s = time.monotonic()
    with pytest.raises(YamlError, match="its aliases repeat more than 10,000 values"):
        parse_yaml(laughs)
    assert time.monotonic() - began_s < 5


def test_what_is_written_is_read_alike_by_both_versions() -> None:
    value = {"1e3": ["1e3", "0o7", "1:30", "010", "yes", "2010-01-31", "=", ".5", "<<", ""], "b": [1, 1.5, None, True]}
    assert parse_yaml(yaml_text(value)) == value
    assert yaml.safe_load(yaml_text(value)) == value
