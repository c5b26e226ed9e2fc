"""One connection's life: what may come in, in which order, and what a violation costs."""
