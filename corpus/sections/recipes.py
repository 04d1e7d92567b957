"""Recipes: named settings of a training, from `corpus/sections/recipes.yaml` and from `recipes` of the configuration.

`resolved` puts the keys of `train.recipe` into the section `train`, where that does not say them itself: a training is
defaults ← recipe ← what `train` says. Refuses an unknown recipe with the names that are near, and a recipe with a key
or a value that a training does not take. Whether values fit each other is judged of the whole section, since a recipe
may be a part of one.
"""

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from corpus.errors import ConfigurationError
from corpus.sections import Recipe, Training
from corpus.validation import read_yaml, sentences

BUILT_IN = Path(__file__).with_name("recipes.yaml")


@cache
def built_in() -> Mapping[str, Recipe]:
    """Return the recipes that come with the program, by name."""
    return TypeAdapter(dict[str, Recipe]).validate_python(
        read_yaml(BUILT_IN, "no such file; install the program again")
    )


def resolved(tree: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the configuration's tree with the recipe's keys in `train`; `where`: name of its file, for messages.

    Parts of another form than they should have are left for the validation of the whole. Raises ConfigurationError.
    """
    recipes = {name: dict(recipe.train) for name, recipe in built_in().items()}
    own = tree.get("recipes")
    for name, recipe in own.items() if isinstance(own, Mapping) else ():
        if isinstance(recipe, Mapping) and isinstance(recipe.get("train"), Mapping):
            recipes[name] = dict(recipe["train"])
            _check(name, recipes[name], where)
    train = tree.get("train")
    wanted = train.get("recipe") if isinstance(train, Mapping) else None
    if not isinstance(train, Mapping) or not isinstance(wanted, str):
        return dict(tree)
    if wanted not in recipes and isinstance(own, Mapping) and wanted in own:
        return dict(tree)
    if wanted not in recipes:
        near = difflib.get_close_matches(wanted, recipes, n=3) or sorted(recipes)
        raise ConfigurationError(f"{where}: train.recipe: {wanted!r} is no recipe; there are: {', '.join(near)}")
    return {**tree, "train": {**recipes[wanted], **train}}


def _check(name: str, keys: Mapping[str, Any], where: str) -> None:
    if "recipe" in keys:
        raise ConfigurationError(
            f"{where}: recipes.{name}.train.recipe: a recipe is not made of another one; write its keys out"
        )
    try:
        Training.model_validate(keys)
    except ValidationError as error:
        if not any(details["loc"] for details in error.errors()):  # of no single key: values that do not fit each other
            return
        section = f"{where}: recipes.{name}.train"
        told = [f"{section}.{line.removeprefix(f'{section}: ')}" for line in sentences(section, error, Training)]
        raise ConfigurationError("\n".join(told)) from error
