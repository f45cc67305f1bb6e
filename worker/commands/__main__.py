"""`python -m worker.commands`: the same as `flagstaff`."""

from worker.commands import main

main()
