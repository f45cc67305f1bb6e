"""Whether a detector is wrong about some people more often than about others."""
