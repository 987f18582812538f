"""Console: the web page for people. It hears all but readings, takes in spans, and tells the story of a fault."""
