"""One module per engine; each implements the ports of the rooms above."""
