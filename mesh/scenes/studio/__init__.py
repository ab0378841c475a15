"""What the demo scene is made with: shapes, patterns, and a writer of binary glTF."""
