"""The learner: scores, back-propagates, steps; it knows no algorithm's name."""
