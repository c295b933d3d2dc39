"""The resident readers: child processes that read the cluster through its libraries, instead of starting its tools."""
