"""``python -m cfgdsl``: the command line, for when its script is not on the path."""

from cfgdsl.cli.main import main

if __name__ == "__main__":
    main()
