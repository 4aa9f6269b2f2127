from pqkit.cli import main

main()
