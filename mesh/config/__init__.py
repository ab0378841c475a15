"""What may be set of a node: its settings, how they are read and checked, and where it keeps things."""
