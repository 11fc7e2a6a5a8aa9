"""The rules of a run: pure values in, decisions out."""
