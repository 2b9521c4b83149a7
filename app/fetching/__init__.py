"""Brings a source's documents into a local folder, to be read from there."""

from app.config import FetchSettings
from app.fetching.errors import FetchFailed
from app.fetching.fetch import fetch
from app.fetching.origin import Fetched, FetchProgress, Origin, Probed
from app.fetching.probe import probe

__all__ = ["FetchFailed", "FetchProgress", "FetchSettings", "Fetched", "Origin", "Probed", "fetch", "probe"]
