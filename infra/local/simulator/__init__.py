"""Stations that are not there: what their loggers would send, trouble included. Everything follows from a seed."""
