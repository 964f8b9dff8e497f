"""The pure core: values in, plans out. Nothing here reads a clock, a disk or a network."""
