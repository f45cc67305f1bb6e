"""The worker with a transformer as its detector, signals of the post alone, no cache."""

from __future__ import annotations

import sys

from benchmarks.contestants.measured_worker import run_until


def main() -> None:
    """Arguments: the model's folder, number format, device, bootstrap servers, topic, topic out, posts."""
    folder, number_format, device, servers, topic, out, count = sys.argv[1:]
    settings = {
        "DETECTOR__MODEL": folder,
        "DETECTOR__DTYPE": number_format,
        "DETECTOR__DEVICE": device,
        "SIGNALS__ENABLED": "account_age,follower_ratio,link_share",
    }
    run_until(int(count), servers, (topic, out), settings)


if __name__ == "__main__":
    main()
