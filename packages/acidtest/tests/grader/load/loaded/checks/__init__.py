"""The checks of the problem `tiny`."""
