"""AgentX (RFC 2741) without I/O: what goes over the wire between a master agent and a subagent.

``oid`` has object identifiers and ``encoding`` the other fields; ``codes`` the numbers, ``messages`` what is said with
them and ``pdu`` how that is on the wire; ``session`` is a subagent's side of it, and ``states`` what may follow what.
Nothing here knows of clusters, sockets or the event loop; ``gateway.frontends.snmp.subagent`` is the edge to those.
"""
