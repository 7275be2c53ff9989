"""vLLM as a sampler: an engine in process, or a server."""
