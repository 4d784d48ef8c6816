"""Pages of a shop as a person's browser opens them."""

from contextlib import ExitStack, contextmanager

A_PERSONS_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
"""Headless Chromium says that it is one, and what it does would count as a bot's."""


@contextmanager
def pages_of(shop, browser):
    """A factory of pages, each in a browser of its own; afterwards none may have complained or asked elsewhere.

    Its shopper has agreed to reports, unless `consent` says otherwise; None is who has not been asked.
    """
    complaints = []
    with ExitStack() as stack:

        def create(path="/", *, shopper=None, consent="yes", **options):
            context = browser.new_context(user_agent=A_PERSONS_BROWSER, base_url=shop.gateway_url, **options)
            stack.callback(context.close)
            context.set_default_timeout(30_000)
            if consent:
                context.add_init_script(f"localStorage.setItem('tanawari.consent', '{consent}')")
            page = context.new_page()
            page.on("console", lambda line: line.type in {"error", "warning"} and complaints.append(line.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("response", lambda answer: answer.status >= 400 and complaints.append(answer.url))
            page.on(
                "request",
                lambda request: (
                    request.url.startswith((shop.gateway_url, "data:"))
                    or complaints.append(f"elsewhere: {request.url}")
                ),
            )
            page.goto(path)
            if shopper:
                view_as(page, shopper)
            return page

        create.complaints = complaints
        yield create
    assert complaints == []


def view_as(page, shopper):
    """Choose a shopper, as a person would."""
    page.get_by_role("button", name="View as").click()
    page.get_by_label("Shopper", exact=True).fill(shopper)
    page.get_by_role("button", name="View", exact=True).click()
    page.get_by_role("heading", level=1, name=f"shopper {shopper}").wait_for()
