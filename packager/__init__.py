"""Builds the packages for Debian and for RPM-based distributions: ``make deb`` and ``make rpm``.

A package is a list of ``PackagedFile``: ``contents`` has what every package contains, ``libraries`` the Python
libraries that are bundled, ``manual`` and ``completion`` what is generated from the command line and the options.
``deb`` and ``rpm`` write the list, with their scripts, as a package. The same input results in the same bytes.
"""
