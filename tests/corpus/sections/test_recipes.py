"""Recipes: named settings of a training, and which keys count."""

from pathlib import Path

import pytest

from corpus.configuration import read_configuration
from corpus.errors import ConfigurationError
from corpus.sections import Training
from corpus.sections.recipes import built_in


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pipelines.yaml"
    path.write_text("storage: data\ntrain: {recipe: small, epochs: 3}\n")
    return path


def test_there_are_four_recipes_each_with_its_source_and_keys_that_a_training_takes() -> None:
    assert list(built_in()) == ["modern", "kaggle-2018", "keras-2018", "small"]
    for recipe in built_in().values():
        assert recipe.source.endswith(".")
        Training.model_validate(recipe.train)


def test_kaggle_2018_is_as_its_team_reported_it() -> None:
    keys = Training.model_validate(built_in()["kaggle-2018"].train)
    assert (keys.network, keys.optimizer, keys.learning_rate, keys.schedule) == ("densenet201", "adam", 0.001, "cyclic")
    assert (keys.epochs, keys.flips, keys.outer_crop_px, keys.crop_px) == (100, "d4", 960, 480)
    assert keys.interpolation == "varied"


def test_modern_compiles_where_gpus_are_used() -> None:
    assert Training.model_validate(built_in()["modern"].train).compile == "auto"


def test_keras_2018_wakes_the_stages_of_a_published_network_from_the_output_on() -> None:
    keys = Training.model_validate(built_in()["keras-2018"].train)
    assert (keys.network, keys.pretrained, keys.optimizer) == ("resnet50", True, "sgd")
    assert keys.frozen_stages > 0
    assert 0 < keys.unfreeze_every_epochs < keys.epochs


def test_defaults_give_way_to_the_recipe_and_the_recipe_to_what_train_says(file: Path) -> None:
    train = read_configuration(file).train
    assert train.recipe == "small"
    assert train.network == built_in()["small"].train["network"]
    assert train.epochs == 3
    assert train.seed == Training().seed
    assert read_configuration(file, ["train.batch=5"]).train.batch == 5


def test_a_recipe_can_be_chosen_for_one_command(file: Path) -> None:
    assert read_configuration(file, ["train.recipe=kaggle-2018"]).train.network == "densenet201"
    assert read_configuration(file, ["train.recipe=null"]).train.network == Training().network


def test_own_recipes_stand_beside_the_built_in_ones_and_replace_those_of_their_name(file: Path) -> None:
    mine = "recipes.mine={source: Tried here., train: {network: resnet18, batch: 7}}"
    train = read_configuration(file, [mine, "train.recipe=mine"]).train
    assert (train.recipe, train.network, train.batch) == ("mine", "resnet18", 7)
    replaced = "recipes.small={source: Tried here., train: {batch: 7}}"
    train = read_configuration(file, [replaced]).train
    assert (train.network, train.batch) == (Training().network, 7)


def test_a_part_of_the_settings_is_a_recipe_where_it_is_right_together_with_the_rest(file: Path) -> None:
    part = "recipes.part={source: Tried here., train: {crop_px: 1000}}"
    assert read_configuration(file, [part]).train.recipe == "small"
    chosen = [part, "train.recipe=part"]
    assert read_configuration(file, [*chosen, "train.outer_crop_px=1100"]).train.crop_px == 1000
    with pytest.raises(ConfigurationError, match=r"yaml: train: crop_px: 1000 is larger than outer_crop_px"):
        read_configuration(file, chosen)


@pytest.mark.parametrize("name", ["mine", "small"])
def test_a_recipe_without_its_settings_is_told_as_such_also_where_it_is_chosen(file: Path, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(file, [f"recipes.{name}={{source: a}}", f"train.recipe={name}"])
    assert str(caught.value) == f"pipelines.yaml: recipes.{name}.train: is missing; the key must be given"


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("train.recipe=kagle-2018", "pipelines.yaml: train.recipe: 'kagle-2018' is no recipe; there are: kaggle-2018"),
        ("train.recipe=x", "pipelines.yaml: train.recipe: 'x' is no recipe; there are: kaggle-2018, keras-2018, mod"),
        (
            "recipes.x={source: a, train: {batch: 0}}",
            "pipelines.yaml: recipes.x.train.batch: 0 is not at least 1",
        ),
        (
            "recipes.x={source: a, train: {bach: 1}}",
            "pipelines.yaml: recipes.x.train.bach: is not a known key; look for a misspelling",
        ),
        (
            "recipes.x={source: a, train: {recipe: small}}",
            "pipelines.yaml: recipes.x.train.recipe: a recipe is not made of another one; write its keys out",
        ),
        ("recipes.x={train: {batch: 1}}", "pipelines.yaml: recipes.x.source: is missing; the key must be given"),
        ("recipes.x={source: a, train: 3}", "pipelines.yaml: recipes.x.train: 3: input should be a valid dictionary"),
        ("recipes=3", "pipelines.yaml: recipes: 3: input should be a valid dictionary"),
        ("train.recipe=3", "pipelines.yaml: train.recipe: 3: input should be a valid string"),
        ("train.weights=weights.safetensors", "pipelines.yaml: train.weights: 'weights.safetensors' is not a whole"),
        ("train.compile=sometimes", "pipelines.yaml: train.compile: 'sometimes' is not true, false or auto"),
        ("train.compile=1", "pipelines.yaml: train.compile: 1 is not true, false or auto"),
        ("train.rate_by_depth=0", "pipelines.yaml: train.rate_by_depth: 0 is not above 0 and at most 1"),
    ],
)
def test_a_fault_of_a_recipe_is_told_with_its_path(file: Path, override: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(file, [override])
    assert str(caught.value).startswith(sentence)
