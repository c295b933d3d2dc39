"""Alarms: what is wrong in a snapshot, and telling it to whoever has to know, at once and until it is acknowledged.

``conditions`` is the table of what can be wrong, ``monitor`` finds out what has begun and what is over, ``watcher`` has
the sources of events, and ``notifier`` delivers what ``notice`` describes.
"""
