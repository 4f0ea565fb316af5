"""`python -m maskarc.cli`: the `maskarc` command without its script."""

import sys

from maskarc import cli

if __name__ == "__main__":
    sys.exit(cli.main())
