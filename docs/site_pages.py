"""Pages of the website that are generated at every build: commands, configuration, reasons, changelog.

mkdocs calls `on_files` as a hook. Commands are what `--help` prints, keys are the models of `corpus.sections`, reasons
those of `curation.reasons` with the docstrings of their rules. Nothing generated is committed. `on_post_build` removes
the addresses from which the theme's script could load others, so that no page ever contacts another host.
"""

import contextlib
import inspect
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel

from corpus.configuration import Configuration
from corpus.sections import Support
from curation import rules
from curation.reasons import REASONS
from pipelines import shutterprint

_COLUMNS = "100"
_ELSEWHERE = "https://unpkg.com"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those of docs/."""
    changelog = Path(config.config_file_path).with_name("CHANGELOG.md").read_text(encoding="utf-8")
    for path, text in (
        ("reference/commands.md", commands()),
        ("reference/configuration.md", configuration()),
        ("reference/reasons.md", reasons()),
        ("changelog.md", changelog),
    ):
        files.append(File.generated(config, path, content=text))
    return files


def on_post_build(config: MkDocsConfig) -> None:
    """Remove source maps, and the addresses of scripts for diagrams and old browsers, which no page here needs."""
    assets = Path(config.site_dir, "assets")
    for file in assets.rglob("*.map"):
        file.unlink()
    for file in [*assets.rglob("*.js"), *assets.rglob("*.css")]:
        text = file.read_text(encoding="utf-8")
        file.write_text(
            re.sub(r"//# sourceMappingURL=.*|/\*# sourceMappingURL=.*?\*/", "", text).replace(_ELSEWHERE, "")
        )


def commands() -> str:
    """Return the page of all subcommands of `shutterprint`."""
    parts = [
        "# Commands\n\nEvery entry point is a subcommand of `shutterprint`. The modules behind them can be run as they "
        "are, too: `scrapy crawl flickr`, `python -m curation.run`, `python train/main.py`.",
        f"```text\n{help_of()}```",
    ]
    for name, command in shutterprint.COMMANDS.items():
        shown = help_of(name)
        extra = f"the extra `{command.extra}`" if command.extra else "no extra"
        about = f"{sentence(command.summary)} Needs {extra}; the same as `{direct(name)}`."
        result = f"What comes out: {escaped(lowered(command.result))}"
        example, usage = f"```bash\n{command.example}\n```", f"```text\n{shown[shown.index('usage:') :]}```"
        parts += [f"## {name}", about, example, result, usage]
    return "\n\n".join(parts) + "\n"


def help_of(*words: str) -> str:
    """Return what `shutterprint WORDS --help` prints."""
    printed, before = io.StringIO(), sys.argv
    sys.argv = ["shutterprint", *words, "--help"]
    os.environ["COLUMNS"] = _COLUMNS
    try:
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            shutterprint.main()
    finally:
        sys.argv = before
    return printed.getvalue()


def direct(name: str) -> str:
    """Return the command that runs a subcommand's module without `shutterprint`."""
    module = shutterprint.COMMANDS[name].module
    special = {"pipelines.crawl": "scrapy crawl", "train.main": "python train/main.py"}
    return special.get(module, f"python -m {module.removesuffix('.__main__')}")


def configuration() -> str:
    """Return the page of all keys of `pipelines.yaml`: type and range, default, meaning."""
    return (
        "# Configuration\n\n`pipelines.yaml` is the only configuration. A key that is left out has its default; an "
        "unknown key, a wrong type and a value out of range stop the command before any work, with the key's path. "
        "`--set a.b=c` sets a key for one command. Secrets come from the environment, "
        "[variable by variable](../deploy.md#secrets-and-the-environment).\n\n"
        + "\n\n".join(sections(Configuration, "", Configuration.model_json_schema()))
        + "\n"
    )


def sections(model: type[BaseModel], path: str, schema: dict[str, Any]) -> Iterator[str]:
    """Yield a heading and a table for a model, then for each model below it; `path` is where it stands in the file."""
    top = model is Configuration
    about = "" if top else escaped(inspect.cleandoc(model.__doc__ or ""))
    described = schema if top else schema["$defs"][model.__name__]
    rows, below = [], []
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        child = child_model(field.annotation)
        if child:
            step = f"{name}.NAME" if get_origin(field.annotation) is dict else name
            below.append((child, f"{path}{step}."))
            if field.is_required() or field.default is not None:
                continue
        value = described["properties"][name]
        default = "required" if field.is_required() else f"`{json.dumps(value.get('default', {}))}`"
        meaning = escaped(" ".join((field.description or "").split()))
        rows.append(f"| `{path}{name}` | {kind(value)} | {default} | {meaning} |")
    title = "## Top level" if top else f"## {path.rstrip('.')}"
    table = "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows])
    if rows or about:
        yield f"{title}\n\n{about}\n\n{table if rows else ''}"
    for child, step in below:
        yield from sections(child, step, schema)


def child_model(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a section, also of one that may be null, or of the values of a mapping of sections.

    None for a plain key, and for a key whose section is one choice among others.
    """
    choices = [part for part in get_args(annotation) if part is not type(None)]
    if get_origin(annotation) is dict or (len(choices) == 1 and type(None) in get_args(annotation)):
        annotation = choices[-1]
    return annotation if inspect.isclass(annotation) and issubclass(annotation, BaseModel) else None


def kind(value: dict[str, Any]) -> str:
    """Return the type and the range of a key, from its JSON schema, as words."""
    if "anyOf" in value:
        return " or ".join(kind(part) for part in value["anyOf"])
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return "`{photos_min, owners_min}`" if name == Support.__name__ else "mapping"
    if "enum" in value or "const" in value:
        return ", ".join(f"`{choice}`" for choice in value.get("enum", [value.get("const")]))
    names = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
    names |= {"null": "`null`", "object": "mapping"}
    if value.get("type") == "array":
        return f"list of {kind(value.get('items', {'type': 'string'}))}"
    low, high = value.get("minimum"), value.get("maximum")
    above, under = value.get("exclusiveMinimum"), value.get("exclusiveMaximum")
    bounds = [("≥", low), (">", above), ("≤", high), ("<", under)]
    limits = [f"{sign}\u00a0{bound:,}" for sign, bound in bounds if bound is not None]
    return " ".join([names.get(value.get("type", ""), "any"), ", ".join(limits)]).strip()


def reasons() -> str:
    """Return the page of all reasons in the order of the funnel, with the docstrings of their rules."""
    parts = [
        "# Reasons\n\nEvery photo that is refused has all the reasons that apply, in the column `reasons` of "
        "`photos.parquet`. They are listed here in the order of the funnel: first what the site did not give, then "
        "what a header tells, then what the whole file or all photos together tell. `shutterprint explain PHOTO` shows "
        "the value behind each reason."
    ]
    for slug, meaning in REASONS.items():
        rule = getattr(rules, slug, None)
        text = f"`{slug}`\n:   {escaped(meaning)}"
        if inspect.isfunction(rule):
            paragraphs = inspect.cleandoc(rule.__doc__ or "").split("\n\n")
            text += "".join(f"\n\n    {escaped(' '.join(one.split()))}" for one in paragraphs)
        parts.append(text)
    return "\n\n".join(parts) + "\n"


def sentence(text: str) -> str:
    """Return a summary as a sentence."""
    return text[0].upper() + text[1:] + "."


def lowered(text: str) -> str:
    """Return a result with the first word in small letters, to follow a colon; file names and flags stay."""
    return text if text[1:2].isupper() else text[0].lower() + text[1:]


def escaped(text: str) -> str:
    """Return text whose angle brackets outside of code are shown, not read as HTML."""
    return re.sub(r"(`[^`]*`)|<", lambda found: found[1] or "&lt;", text).replace("|", "\\|")
