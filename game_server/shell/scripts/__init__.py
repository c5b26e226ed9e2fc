"""The scripts that Redis is sent. A package, since only a package's files go into the wheel."""
