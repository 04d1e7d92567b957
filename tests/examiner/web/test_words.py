"""The page says in the words of the reports what questions and levels are."""

from pathlib import Path

from examiner.finding import GROUPS
from examiner.report.words import LEVELS


def test_the_page_has_the_words_of_the_reports(repository: Path) -> None:
    script = (repository / "examiner" / "web" / "assets" / "sheet.js").read_text()
    assert [
        f'{group}: "{question}",' for group, question in GROUPS.items() if f'{group}: "{question}",' not in script
    ] == []
    assert [level for level, said in LEVELS.items() if f'", "{said.capitalize()}"],' not in script] == []
