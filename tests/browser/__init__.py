"""What is seen in a real browser. A package, so that `from conftest import` finds the file above."""
