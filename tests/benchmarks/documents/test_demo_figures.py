"""Figures of a demo run in the documents: found, and brought up to date from the output of another run."""

from pathlib import Path

from benchmarks.documents.demo_figures import DOCUMENTS, masked, refreshed

DOCUMENT = """# Demo
```bash
make demo
```
```text
INFO crawl complete in 9.7 s: found 315
INFO crawl complete in 14.9 s: found 325
a run 0001-396c9b4213 at demo-data/store
gamma_0.8     0.990  0.970 – 1.000
  unaltered   1.000
only here
```
<!-- demo run: the sum -->
640 photos in all.
"""
OUTPUT = """noise
2026-11-29 06:50:13 INFO crawl complete in 11.2 s: found 316
2026-11-29 06:50:33 INFO crawl complete in 14.9 s: found 325
a run 0002-d83de48b1d at /tmp/anywhere/store
gamma_0.8     1.000              -
  unaltered   0.990 [0.970, 1.000]
"""


def test_lines_take_the_figures_of_another_run_and_all_else_stays() -> None:
    text, told = refreshed(DOCUMENT, OUTPUT)
    assert text == (
        DOCUMENT.replace("9.7 s: found 315", "11.2 s: found 316")
        .replace("0001-396c9b4213", "0002-d83de48b1d")
        .replace("0.990  0.970 – 1.000", "1.000              -")
        .replace("unaltered   1.000", "unaltered   0.990 [0.970, 1.000]")
    )
    assert [(number, what.partition(":")[0]) for number, what in told] == [
        (6, "differs"), (8, "differs"), (9, "differs"), (10, "differs"), (11, "no counterpart"), (13, "read it"),
    ]  # fmt: skip
    assert refreshed(text, OUTPUT)[0] == text
    assert refreshed(DOCUMENT, OUTPUT, has_output=False) == (DOCUMENT, [(13, "read it: the sum")])


def test_words_are_never_taken_for_figures() -> None:
    assert masked("decided 12 cases") == "decided # cases"
    assert masked("Borea N7 0.97") != masked("Borea X7 0.97")


def test_the_documents_say_which_of_their_sentences_hold_figures_of_a_demo_run(repository: Path) -> None:
    marked = {name: (repository / name).read_text().count("<!-- demo run: ") for name in DOCUMENTS}
    assert all(marked.values()), marked
