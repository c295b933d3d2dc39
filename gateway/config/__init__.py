"""The configuration: the table of options, the typed sections, and the loader."""
