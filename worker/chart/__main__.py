"""`python -m worker.chart CHART` writes what is made of the chart's `values.yaml` beside it."""

from __future__ import annotations

import sys
from pathlib import Path

from worker.chart import FILES


def main() -> None:
    """Write the files into the chart that the command line names."""
    folder = Path(sys.argv[1])
    values = (folder / "values.yaml").read_text(encoding="utf-8")
    for name, made in FILES.items():
        (folder / name).write_text(made(values), encoding="utf-8")


if __name__ == "__main__":
    main()
