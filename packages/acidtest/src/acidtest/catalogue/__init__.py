"""The catalogue: models of what lies in `catalogue/` of the repository, their loader and linter."""
