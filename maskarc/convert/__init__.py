"""Weights from and to other projects: one file a format, all or nothing."""
