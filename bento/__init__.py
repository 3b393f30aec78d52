"""The HTTP service of the champions: strict requests, and with every prediction its region."""
