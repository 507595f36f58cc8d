"""How long a logout in one tab takes to reach the four others: milliseconds from the click to what the others show.

make build
.venv/bin/python -m benchmarks.tab_logout [rounds]
"""

import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from e2e.conftest import arguments, executable
from e2e.pages import Todo
from tests.running import running_app

_TABS = 5
# Notes when a click began, and when the page first says that another tab has signed out.
_NOTES = """
addEventListener("click", () => { sessionStorage.clicked = Date.now(); }, true);
new MutationObserver(() => {
  if (!sessionStorage.told && document.body?.innerText.includes("another tab")) sessionStorage.told = Date.now();
}).observe(document, { childList: true, subtree: true });
"""


def main(rounds: int) -> None:
    """Sign out so many times and print the times."""
    taken: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        running_app(Path(folder)) as app,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable(), args=arguments())
        for _ in range(rounds):
            context = browser.new_context(base_url=app.url)
            context.add_init_script(_NOTES)
            tabs = [Todo(context.new_page()) for _ in range(_TABS)]
            tabs[0].create_account()
            for tab in tabs[1:]:
                tab.open()
                tab.expect_signed_in()
            tabs[0].sign_out()
            for tab in tabs[1:]:
                tab.page.get_by_text("another tab").wait_for()
            clicked = tabs[0].page.evaluate("Number(sessionStorage.clicked)")
            taken += [tab.page.evaluate("Number(sessionStorage.told)") - clicked for tab in tabs[1:]]
            context.close()
        browser.close()
    tenth = statistics.quantiles(taken, n=10)
    print(f"{len(taken)} tabs told: median {statistics.median(taken):.0f} ms, 90 % within {tenth[-1]:.0f} ms, ", end="")
    print(f"slowest {max(taken):.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
