"""The requirements, one module per section: data alone."""
