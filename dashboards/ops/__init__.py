"""The ops console, which watches. Start reading at ``page``.

``charts``, ``live_view`` and ``health_summary`` draw it.
"""
