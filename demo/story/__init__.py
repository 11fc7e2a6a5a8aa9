"""The story that ``./dev demo --check`` plays: what the platform promises, proven on real hosts."""
