"""What runs a process: settings, logs, metrics, health, background work, calls to others, and errors with a status."""
