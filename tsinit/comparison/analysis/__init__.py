"""Tables and statistics of finished runs."""
