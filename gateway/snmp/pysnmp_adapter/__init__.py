"""The only code that imports pysnmp and pyasn1, behind typed functions and classes.

``engine`` processes the messages of an agent, and ``decoding`` reads the PDUs that it has decoded.

pysnmp is expensive: importing it takes 9 MB, an engine another 5 MB and 70 ms, and each user 20 ms. Import these
modules inside the functions that need them, so that a gateway without a built-in agent does not pay for pysnmp.
"""
