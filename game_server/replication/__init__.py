"""Who sees what: records of entities on the wire, views with history, deltas made of shared fragments."""
