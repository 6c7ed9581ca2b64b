"""What comes in about generations: ingestion events, OTLP spans, their dialects, usage and cost."""
