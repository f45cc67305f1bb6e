"""Dashboard and alert rules, made of the metrics' declarations."""
