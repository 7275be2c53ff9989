"""The field's claims, one by one, against what the laboratory measured: `python -m benchmarks.paper_claims`."""
