"""The ops console: it watches. ``page`` puts it together; ``charts``, ``live_view`` and ``health_summary`` draw it."""
