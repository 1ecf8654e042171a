"""A headless browser for tests of pages, where one is installed."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1400,2400",
)  # fmt: skip


def look(page, folder) -> str:
    """The page at this path after its scripts have run; the browser keeps its files in `folder`."""
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [BROWSER, *FLAGS, profile, "--dump-dom", f"file://{Path(page).absolute()}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def perform(page, folder, script: str):
    """What the body of a JavaScript function returns that runs in the page, by way of JSON."""
    acting = folder / "acting.html"
    result = f"JSON.stringify((() => {{ {script} }})())"
    tail = f"<script>document.body.dataset.result = {result};</script>\n</body>"
    acting.write_text(Path(page).read_text("utf-8").replace("</body>", tail), encoding="utf-8")
    told = re.search('data-result="([^"]*)"', look(acting, folder))
    assert told, "the script failed"
    return json.loads(html.unescape(told[1]))
