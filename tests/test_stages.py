"""What is said of the stages elsewhere is what their table says."""

from conftest import REPOSITORY

from runner.study.stages import stages_table


def test_the_readme_shows_the_table_of_stages():
    assert f"\n{stages_table()}\n" in (REPOSITORY / "README.md").read_text() + "\n"
