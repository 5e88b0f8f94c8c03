"""The Orders service."""
