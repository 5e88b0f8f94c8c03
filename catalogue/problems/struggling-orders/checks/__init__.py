"""The checks of Struggling orders: one module for each group of `problem.yaml`."""
