"""The pages: drawn by the server, true without script; script only keeps them so."""
