"""Text, XML and times: what the parsers of several tools have in common."""
