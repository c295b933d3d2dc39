"""Writes the files of ``integrations`` from the MIB and a table of what to watch; ``make regenerate`` runs it."""
