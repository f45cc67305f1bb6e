"""The demo: posts written for it, and what is shown of them."""
