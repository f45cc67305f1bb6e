"""How much is needed: a simulation of the workers on figures that were measured, and what follows from it."""
