"""Releases: index, model, prompt and thresholds, put into service as one and taken back as one."""
