"""What a request pays for being authenticated, beside the others."""
