"""The running gateway: builds its services from the configuration, runs them, and reloads the configuration."""
