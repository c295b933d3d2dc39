"""The alarm engine: evaluates conditions on each snapshot and publishes notifications, whatever protocol carries them.

``alarm_table`` raises and clears alarms, ``service`` turns these into notifications, ``notifier`` and ``delivery``
queue them for the channels of the frontends, and ``sources`` reports events of the cluster.
"""
