"""What makes, describes and checks the container image."""
