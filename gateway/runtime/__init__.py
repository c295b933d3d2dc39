"""How the program runs, whatever it serves: its event loop, services, signals, service manager and file descriptors."""
