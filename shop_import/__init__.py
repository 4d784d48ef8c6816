"""Any shop's own files: read, checked row by row, converted, and sent as a catalogue and events."""
