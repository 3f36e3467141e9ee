"""A real browser: a page logs in, registers, deploys, and its VM's screen is shown."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.conftest import LabCmk
from tests.serve.conftest import serving
from tests.web import Web

PAGE = Path(__file__).parent / "page"

#: Whether anything but black is on the first canvas.
_SEES = """
const canvas = document.querySelector("canvas");
if (!canvas || !canvas.width) return false;
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
return data.some((value, at) => at % 4 !== 3 && value > 60);
"""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        assert os.environ.get("CI") != "true", "CI has a browser"
        pytest.skip("Chromium and its driver are not on this machine")
    options = ChromeOptions()
    options.binary_location = program
    for flag in (
        *("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
        f"user-data-dir={tmp_path / 'browser'}",
    ):
        options.add_argument(f"--{flag}")
    with Chrome(options, Service(driver)) as there:
        yield there


@pytest.mark.libvirt
def test_a_page_deploys_a_vm_and_its_screen_is_seen(
    lab: LabCmk, web: Web, nano: bytes, browser: Chrome
) -> None:
    password = lab.ok("lab", "password").json["user"]["password"]
    with serving(lab, "--ui", str(PAGE)) as served:
        browser.get(served.url.removesuffix("/client/api"))
        browser.find_element(By.ID, "password").send_keys(password)
        browser.find_element(By.ID, "url").send_keys(web.serve("/nano.qcow2", nano))
        browser.find_element(By.TAG_NAME, "button").click()
        wait = WebDriverWait(browser, 60)
        told = wait.until(lambda b: b.find_element(By.ID, "told").text)
        assert told == "paged1 is Running"
        place = browser.find_element(By.ID, "console").get_attribute("href")
        browser.get("about:blank")
        browser.get(str(place))
        wait.until(lambda b: b.find_element(By.ID, "told").text == "Connected.")
        wait.until(lambda b: b.execute_script(_SEES))
        assert "#" not in browser.current_url  # the token is good once, and stays in no history
        browser.get("about:blank")
        browser.get(str(place))
        wait.until(lambda b: "Disconnected" in b.find_element(By.ID, "told").text)
