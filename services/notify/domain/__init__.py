"""The decisions of notify: no await, no driver, no framework. People and their numbers stand in `directory` only."""
