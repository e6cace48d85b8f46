"""`python -m minidis` is `minidis-server`."""

import sys

from minidis.server import main

if __name__ == "__main__":
    sys.exit(main())
