"""The shapes of what goes in and comes out, one module a noun."""
