"""One payload model per event type, a file per domain."""
