"""Datasets, experiments and what judges them."""
