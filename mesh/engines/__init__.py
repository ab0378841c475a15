"""Renderers as child processes: the session protocol, its two ends, and one adapter per renderer."""
