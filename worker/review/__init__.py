"""The console in which the staff decide about flags, and the decisions topic behind it."""
