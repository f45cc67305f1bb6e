"""Staged release: a new detector or policy, the challenger, beside the live one and then in its place."""
