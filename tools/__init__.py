"""What developers run: the simulator, benchmarks beside their peers, planted bugs, soaks. Never installed."""
