"""Content-addressed storage: how bytes are cut, kept on disk, and fetched from other nodes."""
