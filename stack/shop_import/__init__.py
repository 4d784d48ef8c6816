"""Any shop's own files: read, checked row by row, and converted to an import folder."""
