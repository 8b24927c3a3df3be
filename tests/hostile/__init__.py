"""Damaged, hostile and unusual input at every door. A package, so that `from conftest import` finds the file above."""
