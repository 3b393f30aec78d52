"""The part of GitHub's command `gh` that Vigie uses, over a folder named in FAKE_GITHUB.

Release assets can't be overwritten, and an issue is a JSON file.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("group", choices=["release", "issue", "label", "workflow"])
parser.add_argument("verb")
parser.add_argument("name", nargs="?")
parser.add_argument("asset", nargs="?")
for option in (
    "repo", "json", "pattern", "output", "notes", "title", "body", "label", "state", "limit",
    "description",
):  # fmt: skip
    parser.add_argument(f"--{option}")
for flag in ("prerelease", "yes", "force", "clobber"):
    parser.add_argument(f"--{flag}", action="store_true")
given = parser.parse_args()
home = Path(os.environ["FAKE_GITHUB"]) / given.repo.replace("/", "_")


def release() -> None:
    folder = home / "releases" / given.name
    if given.verb == "create":
        folder.mkdir(parents=True)
    elif not folder.is_dir():
        sys.exit("release not found")
    elif given.verb == "view":
        found = [{"name": p.name, "size": p.stat().st_size} for p in folder.iterdir()]
        print(json.dumps({given.json or "assets": found}))
    elif given.verb == "upload":
        name = Path(given.asset).name
        if (folder / name).exists() and not given.clobber:
            sys.exit(f"asset under the same name already exists: [{name}]")
        shutil.copyfile(given.asset, folder / name)
    elif given.verb == "download":
        shutil.copyfile(folder / given.pattern, given.output)
    elif given.verb == "delete-asset":
        (folder / given.asset).unlink()
    else:
        sys.exit(f"unknown command {given.verb!r} for gh release")


def issue() -> None:
    folder = home / "issues"
    folder.mkdir(parents=True, exist_ok=True)
    every = {path.stem: json.loads(path.read_text()) for path in sorted(folder.iterdir())}
    if given.verb == "list":
        found = [{"number": int(n), "title": i["title"]} for n, i in every.items() if i["open"]]
        print(json.dumps(found))
        return
    if given.verb == "create":
        given.name = str(len(every) + 1)
        every[given.name] = {"title": given.title, "open": True, "texts": [given.body]}
    elif given.verb == "comment":
        every[given.name]["texts"].append(given.body)
    elif given.verb == "close":
        every[given.name]["open"] = False
    else:
        sys.exit(f"unknown command {given.verb!r} for gh issue")
    (folder / f"{given.name}.json").write_text(json.dumps(every[given.name]))


if given.group == "release":
    release()
elif given.group == "issue":
    issue()
elif given.group == "workflow" and given.verb != "enable":
    sys.exit(f"unknown command {given.verb!r} for gh workflow")
