"""The consoles that `pqkit dashboards` serves: ``ops`` watches, ``manager`` acts on jobs."""
