"""Training: configuration, step, optimizer, checkpoints, loop."""
