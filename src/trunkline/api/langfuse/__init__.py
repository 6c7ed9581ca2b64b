"""The Langfuse-compatible API; its camelCase shapes live here and nowhere else."""
