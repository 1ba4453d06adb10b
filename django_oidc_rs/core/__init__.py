"""RFC logic in plain Python: no Django, no REST framework."""
