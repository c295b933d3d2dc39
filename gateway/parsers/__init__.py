"""Pure functions from the bytes that a tool printed to frozen dataclasses; one file per tool, named for it."""
