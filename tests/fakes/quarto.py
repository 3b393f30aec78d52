"""A stand-in for Quarto that does with a website's `_quarto.yml` what Quarto 1.11 does: removes the
output folder, runs the scripts before rendering, renders the sources that are listed, and copies
the resources. Pages come out unrendered.

    python quarto.py VERSION ARGUMENTS...
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml


def render(root: Path) -> None:
    project = yaml.safe_load((root / "_quarto.yml").read_text())["project"]
    output = root / project["output-dir"]
    shutil.rmtree(output, ignore_errors=True)
    around = {
        "QUARTO_PROJECT_OUTPUT_DIR": str(output),
        "QUARTO_PROJECT_RENDER_ALL": "1",
        "QUARTO_PROJECT_DIR": str(root),
    }
    if script := project.get("pre-render"):
        ended = subprocess.run(
            [sys.executable, script], cwd=root, env=os.environ | around, check=False
        )
        if ended.returncode != 0:
            sys.exit(ended.returncode)
    pages = sorted({page for glob in project["render"] for page in root.glob(glob)})
    pages = [page for page in pages if not page.name.startswith("_")]
    for place, page in enumerate(pages, start=1):
        print(f"[{place:>2}/{len(pages)}] {page.relative_to(root)}", file=sys.stderr)
        target = output / page.relative_to(root).with_suffix(".html")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page.read_text())
    for glob in project.get("resources", ()):
        # `**` is of all files below; that of pathlib is of folders.
        for file in root.glob(f"{glob}/*" if glob.endswith("**") else glob):
            if file.is_file():
                target = output / file.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
    if pages:
        (output / "site_libs").mkdir(exist_ok=True)
        (output / "site_libs" / "quarto.js").write_text("libs")
        (output / "search.json").write_text("[]")


if __name__ == "__main__":
    version, verb, *rest = sys.argv[1:]
    if verb == "--version":
        print(version)
    elif verb == "render":
        render(Path(rest[0] if rest else ".").resolve())
