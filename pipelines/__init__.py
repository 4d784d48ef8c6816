"""The asset graph from topic to shelf, in Dagster."""
