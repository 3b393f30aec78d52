"""Cases as small as can be, found in place of the package's own: `pipeline.case.CASES_PACKAGE`."""
