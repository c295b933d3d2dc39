"""AgentX (RFC 2741) without I/O: the protocol between a master agent and a subagent.

``codes`` has the numbers of the protocol, ``messages`` its PDUs, ``encoding`` the encoding of their fields, and ``pdu``
that of whole messages. ``session`` is the subagent's side of a session, and ``states`` its state machine. Nothing here
knows clusters, sockets or the event loop: ``gateway.frontends.snmp.subagent`` connects sessions with them.
"""
