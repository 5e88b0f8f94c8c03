"""The checks of the problem `probe`."""
