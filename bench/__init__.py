"""Measurements: one command each, printing ratios against a peer or a floor measured in the same run."""
