"""Strict YAML: reads YAML by the rules of version 1.2 (core schema), and refuses what a person cannot have meant.

PyYAML alone follows version 1.1, where `1:30` is 90, `010` is 8, `no` is false and `2010-02-30` is an error of Python,
and where the second of two equal keys silently wins. Here words that are neither numbers, `true`, `false` nor `null`
are text, a key stands once in a mapping, keys are text, and aliases may not multiply into more than a file could hold.
https://yaml.org/spec/1.2.2/#103-core-schema
"""

import re
from collections.abc import Hashable
from contextlib import suppress
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor

_ALIASED_VALUES_MAX = 10_000
"""Most values that aliases may repeat: nine lists of nine aliases each would otherwise stand for a thousand million."""
_TAG = "tag:yaml.org,2002:"
_FORMS = {
    "null": re.compile(r"^(?:~|null|Null|NULL|)$"),
    "bool": re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    "int": re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"),
    "float": re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
}
"""What is not text, in the order in which it is tried."""
_BEGINNINGS = {
    "null": ["~", "n", "N", ""],
    "bool": list("tTfF"),
    "int": list("-+0123456789"),
    "float": list("-+0123456789."),
}
_BASES = {"0o": 8, "0x": 16}
_READ_OTHERWISE_IN_C = re.compile(r"[\t!?\ufeff]")
_SafeLoader: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class YamlError(ValueError):
    """Text that is not YAML, or not strict; the message says what is wrong and in which line."""


class _Constructor(SafeConstructor):
    """PyYAML's safe constructor with the constructors of the core schema only, set below."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping whose keys are text, each given once."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise YamlError(f"line {line}: a key is a list or a mapping; write a word")
            if key.tag != f"{_TAG}str":
                kind = key.tag.removeprefix(_TAG)
                raise YamlError(f"line {line}: the key {key.value or '(none)'} is read as {kind}; put it in quotes")
            if key.value == "<<" and not key.style:
                raise YamlError(f"line {line}: `<<` merges mappings in version 1.1 only; write the keys out")
            if key.value in lines:
                raise YamlError(
                    f"{key.value} is given twice, in line {lines[key.value]} and in line {line}; remove one"
                )
            lines[key.value] = line
        return super().construct_mapping(node, deep=deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge nothing."""


class _Loader(_Constructor, yaml.SafeLoader):
    """PyYAML's safe loader with the resolvers of the core schema only, set below."""


class _LoaderInC(_Constructor, Composer, _SafeLoader):  # type: ignore[misc]
    """The same with the parser in C, which takes an eighth of the time: every command reads a catalogue.

    Nodes are composed in Python, where those that are nested too deeply end in an exception, not the process.
    """

    def __init__(self, text: str) -> None:
        _SafeLoader.__init__(self, text)
        Composer.__init__(self)


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper, which also quotes what version 1.2 alone would not read as text, such as `1e3`."""


def _null(loader: _Constructor, node: yaml.ScalarNode) -> None:
    _matched(loader, node, "null")


def _bool(loader: _Constructor, node: yaml.ScalarNode) -> bool:
    return _matched(loader, node, "bool").lower() == "true"


def _int(loader: _Constructor, node: yaml.ScalarNode) -> int:
    text = _matched(loader, node, "int")
    try:
        return int(text, _BASES.get(text[:2], 10))
    except ValueError as error:  # Python reads no more than 4,300 digits
        raise YamlError(f"line {node.start_mark.line + 1}: a number of {len(text):,} digits is too long") from error


def _float(loader: _Constructor, node: yaml.ScalarNode) -> float:
    text = _matched(loader, node, "float").lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


def _matched(loader: _Constructor, node: yaml.ScalarNode, kind: str) -> str:
    """Return the text of a scalar; raises YamlError where a tag such as `!!int` claims another kind."""
    text = str(loader.construct_scalar(node))
    if not _FORMS[kind].match(text):
        raise YamlError(f"line {node.start_mark.line + 1}: {text!r} is tagged as {kind}, which it is not")
    return text


_Loader.yaml_implicit_resolvers = {}
for _kind, _form in _FORMS.items():
    _Loader.add_implicit_resolver(f"{_TAG}{_kind}", _form, _BEGINNINGS[_kind])
    _Dumper.add_implicit_resolver(f"{_TAG}{_kind}", _form, _BEGINNINGS[_kind])
_LoaderInC.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers
_Constructor.yaml_constructors = {
    f"{_TAG}null": _null,
    f"{_TAG}bool": _bool,
    f"{_TAG}int": _int,
    f"{_TAG}float": _float,
    f"{_TAG}str": yaml.SafeLoader.construct_yaml_str,
    f"{_TAG}seq": yaml.SafeLoader.construct_yaml_seq,
    f"{_TAG}map": yaml.SafeLoader.construct_yaml_map,
    None: yaml.SafeLoader.construct_undefined,
}


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text; raises YamlError, whose message is one sentence with the line."""
    if yaml.__with_libyaml__ and not _READ_OTHERWISE_IN_C.search(text):
        # what C refuses is read again, so that there is one sentence for a fault
        with suppress(YamlError, yaml.YAMLError, RecursionError, UnicodeEncodeError):
            return _value(_LoaderInC(text))
    try:
        return _value(_Loader(text))
    except yaml.MarkedYAMLError as error:
        raise YamlError(_told(error)) from error
    except yaml.YAMLError as error:
        raise YamlError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise YamlError("lists and mappings are nested too deeply") from error


def _value(loader: _Loader | _LoaderInC) -> Any:
    node = loader.get_single_node()
    if node is None:
        return None
    _check_aliases(node)
    return loader.construct_document(node)


def yaml_text(value: Any) -> str:
    """Return plain data as YAML that versions 1.1 and 1.2 read alike, keys in their order."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def _told(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    what = ": ".join(text for text in (error.context, error.problem) if text)
    return f"line {mark.line + 1}, column {mark.column + 1}: {what}" if mark else what


def _check_aliases(root: yaml.Node) -> None:
    """Refuse aliases that stand for too many values, or for what they lie in."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in open_nodes:
            raise YamlError(f"line {node.start_mark.line + 1}: what an anchor names holds an alias of itself")
        if id(node) not in sizes:
            open_nodes.add(id(node))
            sizes[id(node)] = 1 + sum(map(size, _below(node)))
            open_nodes.remove(id(node))
        return sizes[id(node)]

    if size(root) - len(sizes) > _ALIASED_VALUES_MAX:
        raise YamlError(f"its aliases repeat more than {_ALIASED_VALUES_MAX:,} values; write them out")


def _below(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
