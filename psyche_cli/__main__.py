"""Run the command line as a module: ``python -m psyche_cli``."""

from psyche_cli.app import run

if __name__ == "__main__":
    run()
