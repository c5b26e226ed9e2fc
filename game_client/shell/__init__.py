"""The client's porch: sockets, threads and the swarm of bots."""
