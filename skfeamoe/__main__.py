"""``python -m skfeamoe``: see the demo, or run the classifier on a file of one's own."""

import sys

from skfeamoe._cli import main

if __name__ == "__main__":
    sys.exit(main())
