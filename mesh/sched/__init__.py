"""What this node renders next, what it lends, what it copies, and when a job is done. Sans-I/O."""
