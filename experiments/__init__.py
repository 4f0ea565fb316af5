"""Launchers: flags, then one library call. Run as `python -m experiments.NAME`."""
