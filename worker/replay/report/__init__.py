"""`report.html`: what an auditor reads and files. Made of the figures alone, so it has the same bytes."""

from worker.replay.report.examples import examples_of
from worker.replay.report.page import report

__all__ = ["examples_of", "report"]
