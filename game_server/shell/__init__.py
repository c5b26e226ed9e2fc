"""The porch: sockets, clocks, the environment and the log."""
