import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working folder, whose files could shadow modules of the same name

from pqkit.cli import main

main()
