"""AgentX (RFC 2741) without I/O: what goes over the wire between a master agent and a subagent.

``oid`` has object identifiers, ``encoding`` the fields, ``pdu`` the messages, and ``session`` what may follow what.
Nothing here knows of clusters, sockets or the event loop; ``gateway.frontends.snmp.subagent`` is the edge to those.
"""
