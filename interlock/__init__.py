"""Interlock: a self-hosted release platform."""
