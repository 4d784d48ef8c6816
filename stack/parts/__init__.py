"""The servers that the local stack embeds: Postgres, a Kafka-protocol broker and Valkey."""
