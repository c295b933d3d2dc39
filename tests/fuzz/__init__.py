"""``make fuzz``: feeds damaged inputs to everything that reads what other programs wrote; see docs/development.md."""
