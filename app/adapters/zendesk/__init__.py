"""Zendesk: tickets in by triggers, internal notes and public replies out by the API."""
