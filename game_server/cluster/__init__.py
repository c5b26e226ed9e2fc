"""What is decided beyond one match: nodes, leases, placement, the lobby, presence. Pure; Redis is the shell's."""
