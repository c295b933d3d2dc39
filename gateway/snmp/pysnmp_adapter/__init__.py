"""The only code that imports pysnmp and pyasn1, behind typed functions and classes.

``decoding`` decodes PDUs and SNMPv2c messages. ``usm`` decodes SNMPv3 messages, and has the keys, digests and ciphers
of the User-based Security Model. ``engine`` processes the messages of an agent.

They are separate modules because pysnmp is expensive. Importing ``decoding`` takes 2 MB, ``usm`` 7 MB more. An engine
takes another 5 MB and 70 ms, and 20 ms for each user. Import these modules inside the functions that need them, so that
a gateway without SNMP does not pay for pysnmp.
"""
