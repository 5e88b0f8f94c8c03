"""The Book Reviews service."""
