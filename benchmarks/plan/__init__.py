"""The plan's simulation beside a measured worker."""
