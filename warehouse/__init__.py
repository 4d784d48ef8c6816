"""Lands Kafka topics in Postgres (`raw`), and extracts its marts to files for analysts."""
