"""The checks of Orders: modules by theme, each check in a group of `problem.yaml`."""
