"""Backups: everything of an installation in a folder, taken while it runs, and put back into an empty one (0017)."""
