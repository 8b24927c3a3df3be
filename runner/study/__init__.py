"""What is to be done: a study's settings, its runs, its stages and its plan."""
