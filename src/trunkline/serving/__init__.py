"""How prompts are handed out: resolving, splits, answers, the shared cache."""
