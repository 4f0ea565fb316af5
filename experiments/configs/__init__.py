"""One configuration a file, each with a `get_config`."""
