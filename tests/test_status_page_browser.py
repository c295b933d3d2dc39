"""The status page in headless Chromium: accessibility by axe-core, the policy of the page, and screenshots.

``make browser`` installs both and runs these tests. They are skipped without Chromium, and those of accessibility
without the variable ``AXE_CORE``, the path of ``axe.min.js``; neither is part of the usual tests.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from html import unescape
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from gateway.frontends.prometheus import status_page
from gateway.host.replay import DEMO, Recording
from tests.conftest import Script
from tests.http_server import ScriptCollector, serving
from tests.programs import ROOT
from tests.status_pages import demo_pages

pytestmark = [pytest.mark.daemon, pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed")]

SITUATIONS = [step.situation for step in Recording.load(DEMO).steps]
STYLESHEET = resources.files(status_page).joinpath("style.css").read_text("utf-8")
LIGHT, DARK = "preferredColorScheme=1", "preferredColorScheme=0"

AXE = """
<script>{library}</script>
<script>
axe.run({{resultTypes: ["violations"]}}).then(results => {{
  const output = document.createElement("pre");
  output.id = "axe";
  output.textContent = JSON.stringify({{
    violations: results.violations.map(each => [each.id, each.impact, each.nodes.map(node => node.html)]),
    passes: results.passes.length,
  }});
  document.body.append(output);
}});
</script>
"""


def arguments(profile: Path, scheme: str, *more: str) -> list[str]:
    """Returns the command line of Chromium. As root it cannot use its sandbox."""
    chromium = shutil.which("chromium")
    assert chromium
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [
        chromium,
        "--headless",
        *sandbox,
        "--disable-gpu",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        f"--user-data-dir={profile}",
        f"--blink-settings={scheme}",
        *more,
    ]


def browse(profile: Path, scheme: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments(profile, scheme, *more), capture_output=True, text=True, errors="replace", timeout=60, check=True
    )


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Returns the page of each situation as a file, with the stylesheet in it."""
    directory = tmp_path_factory.mktemp("pages")
    files = {}
    for situation, page in asyncio.run(demo_pages(paused=True)).items():
        files[situation] = directory / f"{situation}.html"
        styled = re.sub(r'<link rel="stylesheet"[^>]*>', lambda _: f"<style>{STYLESHEET}</style>", page)
        files[situation].write_text(styled, "utf-8")
    return files


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_axe_finds_no_violation(situation: str, scheme: str, pages: Mapping[str, Path], tmp_path: Path) -> None:
    library = os.environ.get("AXE_CORE")
    if not library:
        pytest.skip("AXE_CORE is not set")
    page = tmp_path / "page.html"
    script = AXE.format(library=Path(library).read_text("utf-8"))
    page.write_text(pages[situation].read_text("utf-8").replace("</body>", f"{script}</body>"), "utf-8")
    done = browse(tmp_path / "profile", scheme, "--virtual-time-budget=20000", "--dump-dom", page.as_uri())
    found = re.search(r'<pre id="axe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr
    results: dict[str, Any] = json.loads(unescape(found[1]))
    assert results["passes"] > 20
    assert results["violations"] == []


async def test_the_browser_applies_the_stylesheet_and_the_policy(script: Script, tmp_path: Path) -> None:
    """The policy of the page permits its own stylesheet; the browser reports nothing that it has blocked."""
    async with serving(ScriptCollector({"x": script("echo 5")})) as served:
        picture = tmp_path / "page.png"
        command = arguments(tmp_path / "profile", LIGHT, f"--screenshot={picture}", f"{served.url}/")
        browser = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        _, errors = await browser.communicate()
        assert browser.returncode == 0
        assert b"Content Security Policy" not in errors, errors.decode(errors="replace")
        assert picture.stat().st_size > 5000
        assert served.server.requests >= 2  # the page, and its stylesheet


SCREENSHOTS = {
    "status-page.png": ("quorum-lost", LIGHT, "900,820"),
    "status-page-dark.png": ("node-lost", DARK, "900,800"),
    "status-page-phone.png": ("resource-failed", LIGHT, "500,960"),
}
"""The situation, the color scheme and the size of each picture in the documentation."""

MAX_PICTURE = 150_000


@pytest.mark.parametrize("name", SCREENSHOTS)
def test_each_picture_is_small(name: str, pages: Mapping[str, Path], tmp_path: Path) -> None:
    """Makes each picture; with ``REGENERATE``, those of the documentation are replaced."""
    situation, scheme, size = SCREENSHOTS[name]
    picture = tmp_path / name
    browse(tmp_path / "profile", scheme, f"--window-size={size}", f"--screenshot={picture}", pages[situation].as_uri())
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < MAX_PICTURE
    documented = ROOT / "docs" / "images" / name
    if os.environ.get("REGENERATE"):
        documented.parent.mkdir(exist_ok=True)
        shutil.copyfile(picture, documented)
    assert documented.stat().st_size < MAX_PICTURE
