"""What the speed figures come from: each script prints a table and writes JSON."""
