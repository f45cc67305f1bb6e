"""`python -m worker.monitoring DIR` writes the dashboard and the alert rules into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from worker.monitoring.files import FILES


def main() -> None:
    """Write the files into the folder that the command line names."""
    folder = Path(sys.argv[1])
    for name, made in FILES.items():
        (folder / name).write_text(made(), encoding="utf-8")


if __name__ == "__main__":
    main()
