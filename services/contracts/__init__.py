"""What crosses a border between processes: the event envelope, its payloads, and the topics they travel on."""
