"""Runs the tiny case and says which addresses it tried to reach: `python offline.py HOME`.

A file `attempts` in the home lists every address that is not on this machine.
"""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path
from typing import Any

ATTEMPTS: list[str] = []
ASKS = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}


def note(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: nothing in the process can look up or connect without being seen."""
    if event in ASKS:
        address = arguments[1] if event in {"socket.connect", "socket.sendto"} else arguments[0]
        host = address[0] if isinstance(address, tuple) else address
        if isinstance(address, tuple) or event not in {"socket.connect", "socket.sendto"}:
            _keep(str(host))


def _keep(host: str) -> None:
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host in {"localhost", ""}
    if not local:
        ATTEMPTS.append(host)


def main(home: str) -> int:
    """The outcome of the run as an exit code."""
    sys.addaudithook(note)
    import in_process

    from pipeline.runner import Order, exit_code, run_cases
    from pipeline.store import Store

    in_process.apply(setattr)
    (ran,) = run_cases(Store.at(home), ["tiny"], Order(), say=print)
    Path(home, "attempts").write_text("\n".join(ATTEMPTS))
    return exit_code([ran.outcome])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
