"""The checks of Book Reviews: one module for each group of `problem.yaml`."""
