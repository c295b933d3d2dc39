"""The page for people: the state of the cluster as one HTML document without scripts."""
