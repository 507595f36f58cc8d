"""A session in a real browser: two tabs, sign out, reload, other devices, and what no script can read."""

import httpx2
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from e2e.pages import PASSWORD, Todo
from tests.running import ACCESS, REFRESH, RunningApp

_PHONE: ViewportSize = {"width": 390, "height": 844}


def _cookies(context: BrowserContext) -> dict[str, str]:
    return {str(cookie["name"]): str(cookie["value"]) for cookie in context.cookies()}


def test_second_tab_is_signed_in_and_a_reload_stays_so(todo: Todo, context: BrowserContext) -> None:
    todo.create_account()
    second = Todo(context.new_page())
    second.open()
    second.expect_signed_in()
    todo.page.reload()
    todo.expect_signed_in()


def test_signing_out_in_one_tab_signs_out_all_and_a_replayed_cookie_is_refused(
    app: RunningApp, todo: Todo, context: BrowserContext
) -> None:
    todo.create_account()
    second = Todo(context.new_page())
    second.open()
    second.expect_signed_in()
    kept = _cookies(context)
    assert set(kept) == {ACCESS, REFRESH}

    todo.sign_out()
    todo.expect_sign_in_form()
    expect(second.page.get_by_role("heading", name="Your todos")).to_have_count(0)
    expect(second.page.get_by_text("another tab")).to_be_visible()
    # R14: logging out leaves no cookie of ours.
    assert _cookies(context) == {}

    replayed = {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}
    own_page = {"Sealring-Client": "1", "Sec-Fetch-Site": "same-origin"}
    assert httpx2.get(f"{app.url}/api/todos", headers=replayed).json()["code"] == "token_revoked"
    refresh = httpx2.post(f"{app.url}/auth/refresh", headers={**replayed, **own_page})
    assert (refresh.status_code, refresh.json()["code"]) == (401, "session_revoked")

    second.page.reload()
    second.expect_sign_in_form()


def test_signing_in_again_in_one_tab_brings_the_other_back(todo: Todo, context: BrowserContext) -> None:
    email = todo.create_account()
    second = Todo(context.new_page())
    second.open()
    second.expect_signed_in()
    todo.sign_out()
    todo.expect_sign_in_form()
    todo.fill_sign_in(email)
    todo.expect_signed_in()
    second.expect_signed_in()


def test_device_is_ended_from_another_one_and_told_why(
    app: RunningApp, browser: Browser, todo: Todo, page: Page
) -> None:
    email = todo.create_account()
    phone_context = browser.new_context(base_url=app.url, viewport=_PHONE, is_mobile=True, has_touch=True)
    try:
        phone = Todo(phone_context.new_page())
        phone.sign_in(email)
        page.goto("/account")
        devices = page.get_by_role("list", name="Your devices").get_by_role("listitem")
        expect(devices).to_have_count(2)
        expect(devices.filter(has_text="This device")).to_have_count(1)
        devices.filter(has_not_text="This device").get_by_role("button").click()
        expect(devices).to_have_count(1)

        # Nobody touches the phone: its connection is closed, and the page finds out why.
        expect(phone.page.get_by_role("heading", name="Your todos")).to_have_count(0)
        expect(phone.page.get_by_role("button", name="Sign in again")).to_be_visible()
    finally:
        phone_context.close()
    page.goto("/")
    todo.expect_signed_in()


def test_signing_out_everywhere_ends_all_devices(app: RunningApp, browser: Browser, todo: Todo, page: Page) -> None:
    email = todo.create_account()
    other = browser.new_context(base_url=app.url)
    try:
        phone = Todo(other.new_page())
        phone.sign_in(email)
        page.goto("/account")
        page.get_by_role("button", name="Sign out everywhere").click()
        page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
        todo.expect_sign_in_form()
        expect(phone.page.get_by_role("heading", name="Your todos")).to_have_count(0)
        expect(phone.page.get_by_role("button", name="Sign in again")).to_be_visible()
    finally:
        other.close()


def test_changing_the_password_keeps_this_device_and_ends_the_others(
    app: RunningApp, browser: Browser, todo: Todo, page: Page
) -> None:
    email = todo.create_account()
    other = browser.new_context(base_url=app.url)
    try:
        phone = Todo(other.new_page())
        phone.sign_in(email)
        page.goto("/account")
        page.get_by_label("Current password").fill(PASSWORD)
        page.get_by_label("New password").fill("an even longer passphrase")
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_label("Notifications")).to_contain_text("Password")
        expect(phone.page.get_by_role("heading", name="Your todos")).to_have_count(0)
    finally:
        other.close()
    page.goto("/")
    todo.expect_signed_in()


_ALL_STORAGES = """async () => {
  const found = [document.cookie, document.documentElement.outerHTML, location.href, document.referrer];
  for (const storage of [localStorage, sessionStorage])
    for (let i = 0; i < storage.length; i++) found.push(storage.key(i), storage.getItem(storage.key(i)));
  for (const { name } of await indexedDB.databases()) {
    const db = await new Promise((resolve, reject) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    for (const store of db.objectStoreNames)
      found.push(JSON.stringify(await new Promise((resolve, reject) => {
        const request = db.transaction(store).objectStore(store).getAll();
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      })));
    db.close();
  }
  for (const name of await caches.keys()) found.push(name);
  if ('cookieStore' in window)
    for (const cookie of await cookieStore.getAll()) found.push(cookie.name, cookie.value);
  const seen = new Set();
  const walk = (value, depth) => {
    if (typeof value === 'string') found.push(value);
    if (value === null || typeof value !== 'object' || seen.has(value) || depth > 6) return;
    seen.add(value);
    for (const key of Object.getOwnPropertyNames(value)) {
      try { walk(value[key], depth + 1); } catch { /* some getters refuse */ }
    }
  };
  walk(window, 0);
  return found.join('\\n');
}"""


def test_no_script_can_read_a_token(todo: Todo, page: Page, context: BrowserContext) -> None:
    """R19: cookies, storages, databases, caches, the window and the page are searched for both tokens."""
    page.goto("/")
    bodies: list[str] = []
    page.on("response", lambda response: bodies.append(response.text()) if "/auth/" in response.url else None)
    todo.create_account()
    page.get_by_role("link", name="Account").click()
    cookies = context.cookies()
    assert {cookie["name"] for cookie in cookies} == {ACCESS, REFRESH}
    for cookie in cookies:
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
        assert (cookie["path"], cookie["domain"]) == ("/", "localhost")
    everything = str(page.evaluate(_ALL_STORAGES)) + "\n".join(bodies)
    assert len(everything) > 1_000, "the search must have found something to search"
    for cookie in cookies:
        value = str(cookie["value"])
        for piece in (value, *value.split("."), value[4:40]):
            assert piece not in everything
    assert page.evaluate("document.cookie") == ""
