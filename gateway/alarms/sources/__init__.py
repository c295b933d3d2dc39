"""Sources of events: Corosync's quorum service and Pacemaker's alerts."""
