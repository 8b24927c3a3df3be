"""The scripts behind the speed figures: each of them prints a table and writes JSON."""
