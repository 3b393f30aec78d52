"""What schemathesis makes of the OpenAPI document, against the service that wrote it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from toy_service import serving


def test_no_call_made_from_the_document_breaks_the_service(tmp_path: Path) -> None:
    """All checks: no fault, every answer as described, what fits is taken, what doesn't refused.
    `python -m benchmarks.fuzz` tries thousands of calls.
    """
    with serving(tmp_path, open=True, rate_per_address="0") as served:
        address = str(served.client.base_url)
        command = [str(Path(sys.executable).with_name("schemathesis")), "run"]
        command += [f"{address}/openapi.json", "--url", address, "--checks", "all"]
        command += [
            "--max-examples",
            "5",
            "--seed",
            "1",
            "--no-color",
            "--phases",
            "coverage,fuzzing",
        ]

        ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert 0 == ran.returncode, ran.stdout[-5000:]
