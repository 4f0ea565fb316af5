"""One grid a file: `get_config` is its base, `get_grid` the cells and the scoring."""
