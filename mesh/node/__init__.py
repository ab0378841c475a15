"""The one place where effects become I/O: the machines of one node, driven under trio."""
