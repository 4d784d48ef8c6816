"""From Kafka into Postgres (`raw`), and out of its marts into files an analyst may carry away."""
