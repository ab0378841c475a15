"""What people watch on a terminal, drawn from snapshots: pure, values in and rich text out."""
