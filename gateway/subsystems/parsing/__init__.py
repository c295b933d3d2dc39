"""What the parsers of several tools share: text, XML and times."""
