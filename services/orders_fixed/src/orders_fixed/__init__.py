"""The struggling orders service after its repair."""

__version__ = "1.0.0"
