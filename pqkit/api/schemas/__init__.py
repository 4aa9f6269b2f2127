"""What goes in and out, as JSON. Times are ISO 8601 in UTC, spans are seconds."""
