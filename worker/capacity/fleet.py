"""How partitions, and with them the load, are spread over workers, with all zones and with one lost."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

# Most that the busiest worker may have over the mean one where the number of partitions is free.
_UNEVEN: Final = 1.1


class Fleet(NamedTuple):
    """Workers and partitions.

    Attributes:
        devices: with all zones.
        processes: workers on each.
        zones: over which devices are spread evenly.
        partitions: of the posts topic.
    """

    devices: int
    processes: int
    zones: int
    partitions: int

    @property
    def workers(self) -> int:
        """Processes, with all zones."""
        return self.devices * self.processes

    @property
    def survivors(self) -> int:
        """Workers that are left when the fullest zone is lost."""
        lost = math.ceil(self.devices / self.zones) if self.zones > 1 else 0
        return (self.devices - lost) * self.processes

    def busiest(self, rate: float, hottest: float, *, lost: bool) -> float:
        """Posts a second of the busiest worker.

        Args:
            rate: of the topic.
            hottest: load of the busiest partition over that of the mean one; the busiest worker has it.
            lost: with the fullest zone lost.
        """
        count = self.survivors if lost else self.workers
        return rate * (math.ceil(self.partitions / count) - 1 + hottest) / self.partitions


def fleet_of(devices: int, processes: int, zones: int, partitions: int | None) -> Fleet:
    """Devices with the partitions that suit their workers, where these are not given."""
    if partitions is not None:
        return Fleet(devices, processes, zones, partitions)
    times = 1
    while True:
        fleet = Fleet(devices, processes, zones, devices * processes * times)
        if math.ceil(fleet.partitions / fleet.survivors) * fleet.survivors <= _UNEVEN * fleet.partitions:
            return fleet
        times += 1


def least_devices(zones: int) -> int:
    """The fewest of which some are left when a zone is lost."""
    return 2 if zones > 1 else 1
