"""The sections of `pipelines.yaml`: every key with its type, range, default and meaning.

The docstring below a key is its description in docs/reference/configuration.md. A key that is left out has the default
that stands here, except in `train`: there a key that neither the file nor its recipe (`train.recipe`) has gets the
default. The shipped file names the recipe `modern`.
"""

from corpus.sections.curation import Consensus, Curation, Rules, Shards, Support
from corpus.sections.running import Clusters, Demo, Hooks, Metrics, OnFailure, Pipeline, PipelineName
from corpus.sections.section import Section
from corpus.sections.sources import Crawl, Flickr, Folder, Hosts, Manifest, Site, Sources, Wikimedia
from corpus.sections.training import Recipe, Training

__all__ = [
    "Clusters",
    "Consensus",
    "Crawl",
    "Curation",
    "Demo",
    "Flickr",
    "Folder",
    "Hooks",
    "Hosts",
    "Manifest",
    "Metrics",
    "OnFailure",
    "Pipeline",
    "PipelineName",
    "Recipe",
    "Rules",
    "Section",
    "Shards",
    "Site",
    "Sources",
    "Support",
    "Training",
    "Wikimedia",
]
