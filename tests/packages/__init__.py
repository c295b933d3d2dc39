"""``make package-tests``: the packages on clean systems of several Debian releases, each under its own systemd."""
