import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working folder, whose files would be taken for modules of the same names

from pqkit.cli import main

main()
