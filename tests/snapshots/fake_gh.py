"""The part of `gh release` that Vigie uses, over a folder; assets can't be overwritten."""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("group", choices=["release"])
parser.add_argument("verb", choices=["view", "create", "upload", "download", "delete-asset"])
parser.add_argument("tag")
parser.add_argument("asset", nargs="?")
parser.add_argument("--repo", required=True)
parser.add_argument("--json")
parser.add_argument("--pattern")
parser.add_argument("--output")
parser.add_argument("--notes")
parser.add_argument("--title")
parser.add_argument("--prerelease", action="store_true")
parser.add_argument("--yes", action="store_true")
given = parser.parse_args()
release = Path(os.environ["FAKE_RELEASES"]) / given.repo.replace("/", "_") / given.tag

if given.verb == "create":
    release.mkdir(parents=True)
elif not release.is_dir():
    sys.exit("release not found")
elif given.verb == "view":
    found = [{"name": p.name, "size": p.stat().st_size} for p in release.iterdir()]
    print(json.dumps({given.json: found}))
elif given.verb == "upload":
    name = Path(given.asset).name
    if (release / name).exists():
        sys.exit(f"asset under the same name already exists: [{name}]")
    shutil.copyfile(given.asset, release / name)
elif given.verb == "download":
    shutil.copyfile(release / given.pattern, given.output)
elif given.verb == "delete-asset":
    (release / given.asset).unlink()
