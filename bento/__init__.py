"""The HTTP service of the champions: strict requests, intervals in every answer."""
