"""Reading glTF 2.0: one concept of the format a file. Import the files; nothing is loaded from here."""
