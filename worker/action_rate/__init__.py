"""Whether flags of an action run far off their usual rate, and what a hold does to a flag."""
