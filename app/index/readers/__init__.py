"""Reads documentation files into sections, one format a file."""

from app.index.readers.folder import scan
from app.index.readers.page import PassingTrouble, SourceFile, UnreadableFile
from app.index.readers.patterns import Patterns
from app.index.readers.reading import read_sections
from app.index.readers.site import site_of

__all__ = ["PassingTrouble", "Patterns", "SourceFile", "UnreadableFile", "read_sections", "scan", "site_of"]
