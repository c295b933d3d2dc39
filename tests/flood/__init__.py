"""Floods of everything that reaches the gateway from outside; ``python -m tests.flood`` runs them all."""
