"""Pairs of equal answers and of near misses, made by a grammar, and what verifiers say of them."""
