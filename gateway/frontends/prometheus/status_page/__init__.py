"""The status page: the state of the cluster as one HTML document without scripts."""
