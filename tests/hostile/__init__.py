"""What attacks the project, at length. A package, so that `from conftest import` finds the file above."""
