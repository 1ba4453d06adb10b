"""Real authorization servers that are asked about tokens, over HTTP on loopback."""
