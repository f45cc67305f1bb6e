"""The topics as they should be, as they are, and who may do what with them."""
