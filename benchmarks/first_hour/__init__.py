"""What a new user gets wrong in the first hour, and what it costs to be told."""
