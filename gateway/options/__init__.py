"""The model of an option, and the readers of single values."""
