"""The events between services: pure pydantic, one file per owning service."""
