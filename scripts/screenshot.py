"""Takes the picture of the README from the running Todo application: `make screenshot`."""

import os
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import sync_playwright

from e2e.pages import Todo
from tests.running import ROOT, running_app

TARGET = ROOT / "docs" / "images" / "todo.png"


def main() -> None:
    """Fill a list, open one todo, and take the picture."""
    today = date.today()  # noqa: DTZ011 - as the person in front of the browser sees it
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder)) as app, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["SEALRING_BROWSER"], args=arguments)
        page = browser.new_page(base_url=app.url, viewport={"width": 1120, "height": 760}, device_scale_factor=1.5)
        todo = Todo(page)
        todo.create_account("ada@example.org")
        todo.add("Rotate the tyres before winter", due=str(today + timedelta(days=12)))
        todo.add("Read the chapter on lost answers", priority="low")
        todo.add("Water the plants", due=str(today), priority="normal")
        todo.add("File the tax return", due=str(today - timedelta(days=3)), priority="high")
        todo.add("Call grandmother", due=str(today + timedelta(days=1)))
        page.reload()
        todo.item("Read the chapter on lost answers").get_by_role("checkbox").check()
        page.mouse.move(5, 5)
        page.wait_for_timeout(600)
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=TARGET)
        browser.close()


if __name__ == "__main__":
    main()
