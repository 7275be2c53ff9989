"""The laboratory: small models whose beliefs are known, on chains whose every step can be judged."""
