"""Recommenders, their evaluation, and what is made of them: a library without Dagster, SQL, HTTP or Kafka."""
