"""GitHub through its own command, which holds the credentials; Vigie never sees them."""

from __future__ import annotations

import os
import subprocess

from pipeline.errors import GitHubError, OptionError


def repository_of(name: str) -> str:
    """OWNER/REPO as given, else of GH_REPO, else of GITHUB_REPOSITORY; raises `OptionError`."""
    found = name or os.environ.get("GH_REPO") or os.environ.get("GITHUB_REPOSITORY", "")
    if found.count("/") != 1:
        raise OptionError(
            f"{found!r} names no repository. Write OWNER/REPO, or set GITHUB_REPOSITORY to it."
        )
    return found


def gh(repository: str, *arguments: str) -> str:
    """What `gh` prints; raises `GitHubError` with what it said when it fails or is not there."""
    try:
        done = subprocess.run(
            ["gh", *arguments, "--repo", repository], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise GitHubError(
            f"{repository} is reached through GitHub's command gh, which is not installed here. "
            "Install it, or name another kind of address."
        ) from error
    if done.returncode:
        told = done.stderr.strip() or done.stdout.strip()
        raise GitHubError(f"`gh {' '.join(arguments[:2])}` failed for {repository}: {told}")
    return done.stdout
