"""What can be known to go wrong before hours are spent: one check a file, each a list of findings."""
