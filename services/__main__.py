"""`python -m services` and the command `deskpulse`."""

import os
import sys

from services.cli import run


def main() -> None:
    """Hand the environment to the command; nobody else reads it."""
    sys.exit(run(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
