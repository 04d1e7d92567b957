"""Export of a finished run: one file to hand on, or its network as ONNX.

`shutterprint export RUN model.zip` writes weights, cameras, calibration, open set, enrolled cameras and a model card
into one file; `--onnx FILE` writes the network for other runtimes, after comparing answers with ONNX Runtime's.
"""

from pathlib import Path

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.errors import ConfigurationError
from train.archive.loading import load_parts
from train.archive.onnx import export_onnx
from train.archive.parts import model_of
from train.archive.writing import write_archive

_DESCRIPTION = """Write a trained network into one file to hand on, with all that its answers need and a model card.

The file is safetensors and JSON in an uncompressed zip archive. predict, evaluate and enrol take it by its path, or by
https://HOST/model.zip#sha256=DIGEST; the digest is printed here."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m train.export", _DESCRIPTION)
    parser.add_argument("run", metavar="RUN", help="a run's name, its folder, `latest`, or a model.zip")
    parser.add_argument("file", metavar="MODEL.zip", nargs="?", type=Path, help="the file to write")
    parser.add_argument("--onnx", metavar="FILE", type=Path, help="write the network as ONNX (extra `onnx`)")
    arguments = parser.parse_args()
    if arguments.file is None and arguments.onnx is None:
        parser.error("name the file to write: model.zip, or --onnx FILE")
    for target, ending in ((arguments.file, ".zip"), (arguments.onnx, ".onnx")):
        if target is not None and target.suffix != ending:
            raise ConfigurationError(f"{target}: name a file that ends in {ending}")
        if target is not None and not target.resolve().parent.is_dir():
            raise ConfigurationError(f"{target}: its folder does not exist")
    configuration = configuration_of(arguments)
    parts = load_parts(configuration.store, arguments.run, configuration.whole_catalogue)
    model = model_of(parts)  # nothing is handed on that does not load
    if arguments.file is not None:
        sha256 = write_archive(parts, arguments.file)
        size_mb = arguments.file.stat().st_size / 1e6
        print(f"{arguments.file}: {size_mb:.1f} MB, {len(model.cameras)} cameras, sha256={sha256}")
    if arguments.onnx is not None:
        difference = export_onnx(model, arguments.onnx)
        print(f"{arguments.onnx}: probabilities differ from torch's by at most {difference:.1e}")
    return 0


if __name__ == "__main__":
    exit_with(main)
