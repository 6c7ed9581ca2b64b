"""What is learned from scores."""
