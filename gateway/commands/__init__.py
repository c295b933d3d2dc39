"""The subcommands: one module each, with ``add_arguments`` and ``run``; ``gateway.cli`` imports the one it runs."""

PROGRAM = "ha-cluster-gateway"
