"""GitHub: issues and discussions in by webhook, comments out by the API."""
