"""Durable jobs on DBOS: they survive the death of the process at any moment."""
