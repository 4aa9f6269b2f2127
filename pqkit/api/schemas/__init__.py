"""JSON schemas of requests and responses. Times are ISO 8601 in UTC, durations are seconds."""
