"""The two consoles: ``ops`` watches, ``manager`` shows jobs one by one. `pqkit dashboards` serves them."""
