"""``python -m interlock_cli``."""

from interlock_cli.main import main

if __name__ == "__main__":
    main()
