"""The cases: one folder each, found by looking here, imported by nobody by name."""
