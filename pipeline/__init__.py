"""Vigie: from a feed of data to a monitored model, a report site and an HTTP service.

Importing the package switches off the telemetry of the libraries that Vigie stands on: nothing
is sent anywhere, whichever entry point is used.
"""

import os
import sys

__version__ = "0.1.0"

for _name, _value in {
    "GX_ANALYTICS_ENABLED": "False",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
}.items():
    os.environ[_name] = _value

os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

# jsonschema, which Altair, nbformat and Great Expectations import, compiles a grammar for 2 s
# when it finds this package; it is for checking internationalised addresses, which no one here has.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
