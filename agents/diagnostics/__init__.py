"""What is measured beside the reward."""
