"""The Django projects of the authorization servers; each runs in its own process."""
