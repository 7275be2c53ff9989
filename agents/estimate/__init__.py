"""What a run would need, by arithmetic alone: parameters, memory, time. No weights are loaded; see docs/scaling.md."""
