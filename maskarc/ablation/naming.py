"""File names out of names for people."""

import hashlib
import re

# Longer names are cut, and told apart by a hash.
_LONGEST = 40


def safe(name: str) -> str:
    """A name as a part of a file name that needs no quotes in a shell.

    >>> safe("cloth[floral]: 2"), safe("../..")
    ('cloth-floral-2', 'empty')
    """
    kept = re.sub(r"[^A-Za-z0-9.+_-]+", "-", name).strip(".-") or "empty"
    if len(kept) <= _LONGEST:
        return kept
    return f"{kept[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
