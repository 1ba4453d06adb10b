"""Orders: placed by users, imported by machines."""
