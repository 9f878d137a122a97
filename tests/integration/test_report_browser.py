"""The report in a real browser: Debian's chromium, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.reports import made_up, write_folder

from lean_agent_evals.report import write

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

WIDTHS = (1280, 360)
CONTRASTS = """() => {
  const paint = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const luminance = (colour) => {
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const probe = document.body.appendChild(document.createElement("p"));
  const colour = (name, within) => {
    probe.className = within;
    probe.attributeStyleMap.set("color", `var(${name})`);
    return luminance(getComputedStyle(probe).color);
  };
  const texts = ["--text", "--muted", "--link", "--good", "--bad"].map((name) => [name, ""]);
  for (let arm = 0; arm < 6; arm++) texts.push(["--arm", `arm-${arm}`]);
  const found = {};
  for (const theme of ["light", "dark"]) {
    document.documentElement.dataset.theme = theme;
    for (const back of ["--back", "--raised"]) {
      for (const [name, within] of texts) {
        const pair = [colour(name, within), colour(back, "")].sort((a, b) => b - a);
        found[`${theme} ${name} ${within} on ${back}`] = (pair[0] + 0.05) / (pair[1] + 0.05);
      }
    }
  }
  return found;
}"""
HOSTILE = (
    "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no chromium on this machine")
    with sync.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program)
        yield running
        running.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config, outcomes, trajectories = made_up(24, epochs=2)
    for line in trajectories:
        if line["task_id"] == "hops-0003":
            line["question"] = line["output"] = HOSTILE
            line["messages"][-1]["content"] = HOSTILE
    return write(write_folder(tmp_path_factory.mktemp("report"), config, outcomes, trajectories))


@pytest.fixture
def page(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The report, opened without a network; whatever it complains of or asks for is a failure."""
    asked: dict[str, Any] = getattr(request, "param", {})
    width = asked.get("width", 1280)
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=asked.get("scheme", "light"),
        offline=True,
    )
    opened = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda sent: requests.append(sent.url))
    opened.goto(report.as_uri())
    yield opened
    title = opened.title()
    context.close()
    assert complaints == []
    assert requests == [report.as_uri()]
    assert title.startswith("Evaluation of ")


def column(page: Page, number: int) -> list[str]:
    cells = page.locator(f"#task-table tbody tr:visible > :nth-child({number})")
    return [text.strip() for text in cells.all_inner_texts()]


@pytest.mark.parametrize(
    "page",
    [{"width": width, "scheme": scheme} for width in WIDTHS for scheme in ("light", "dark")],
    indirect=True,
    ids=lambda given: f"{given['width']}-{given['scheme']}",
)
def test_the_page_fits_its_screen_and_follows_its_colours(
    page: Page, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    page.screenshot(path=tmp_path / "page.png", full_page=True)  # for people to look at
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("svg.plot:visible").count() == 1
    dark = "dark" in request.node.callspec.id
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != background
    page.locator("button.result").first.click()
    page.screenshot(path=tmp_path / "trajectory.png")
    assert page.evaluate("viewer.scrollWidth <= viewer.clientWidth")


def test_every_text_stands_out_from_what_is_behind_it(page: Page) -> None:
    """At least 4.5 to 1, as WCAG 2.1 asks."""
    ratios = page.evaluate(CONTRASTS)
    assert len(ratios) == 44
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}
    assert max(ratios.values()) < 21  # black on white


def test_a_column_sorts_both_ways(page: Page) -> None:
    head = page.get_by_role("button", name="Cost, agent")
    head.click()
    up = [float(text.replace(",", "")) for text in column(page, 12)]
    assert up == sorted(up)
    assert head.locator("xpath=..").get_attribute("aria-sort") == "ascending"
    head.press("Enter")
    down = [float(text.replace(",", "")) for text in column(page, 12)]
    assert down == sorted(up, reverse=True)
    page.get_by_role("button", name="Task", exact=True).click()
    assert page.locator("[aria-sort]").count() == 1
    assert [text.split("\n")[0] for text in column(page, 1)] == [f"hops-{n:04d}" for n in range(24)]


def test_tasks_are_chosen_by_words_and_by_how_they_went(page: Page) -> None:
    page.get_by_label("Find").fill("HOPS-0007")
    assert len(column(page, 1)) == 1
    assert page.get_by_role("status").inner_text() == "1 of 24 tasks"
    page.get_by_label("Find").fill("")
    page.get_by_label("Show").select_option("none")
    chosen = page.locator("#task-table tbody tr:visible")
    assert 0 < chosen.count() < 24
    assert chosen.locator(".answered").count() == 0


def test_a_trajectory_opens_by_keyboard_and_gives_the_focus_back(page: Page) -> None:
    button = page.get_by_role("button", name="open the trajectory of agent on hops-0008").first
    button.focus()
    page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog", name="hops-0008")
    assert viewer.is_visible()
    assert viewer.locator(".turn").count() > 3
    assert "search" in viewer.locator(".call").first.inner_text()
    viewer.get_by_role("button", name="instant", exact=True).click()
    assert viewer.locator(".turn").count() == 3
    assert viewer.locator("[aria-pressed=true]").inner_text() == "instant"
    page.keyboard.press("Escape")
    assert not viewer.is_visible()
    assert button.evaluate("element => element === document.activeElement")


def test_hostile_text_is_shown_as_text(page: Page) -> None:
    page.get_by_role("button", name="open the trajectory of auto on hops-0003").first.click()
    assert page.get_by_role("dialog").get_by_text(HOSTILE, exact=True).count() == 3
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("attack", ["inline", "handler", "network"])
def test_nothing_runs_even_if_markup_got_in(browser: Browser, report: Path, attack: str) -> None:
    opened = browser.new_page()
    refused: list[str] = []
    opened.on("console", lambda message: refused.append(message.text))
    opened.goto(report.as_uri())
    opened.evaluate(
        """(attack) => {
          if (attack === "inline") {
            const script = document.createElement("script");
            script.textContent = "document.title = 'owned'";
            document.body.append(script);
          } else if (attack === "handler") {
            const markup = "<b onclick=\\"document.title='owned'\\">";
            document.body.insertAdjacentHTML("beforeend", markup);
            document.body.lastElementChild.click();
          } else {
            document.body.insertAdjacentHTML("beforeend", "<img src='http://127.0.0.1:9/x'>");
          }
        }""",
        attack,
    )
    opened.wait_for_timeout(100)
    title = opened.title()
    opened.close()
    assert title.startswith("Evaluation of ")
    assert any("Content Security Policy" in text for text in refused)


def test_on_paper_nothing_scrolls(page: Page) -> None:
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1040})  # A4 within its margins, at 96 dpi
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#find").is_hidden()
    assert page.evaluate(
        "[...document.querySelectorAll('.scrolled')]"
        ".every((table) => table.scrollHeight <= table.clientHeight + 1)"
    )


def test_a_thousand_samples_stay_usable(browser: Browser, tmp_path: Path) -> None:
    path = write(write_folder(tmp_path, *made_up(250)))
    assert path.stat().st_size < 16_000_000
    opened = browser.new_page()
    opened.goto(path.as_uri())
    seconds = opened.evaluate(
        """() => {
          const timed = (act) => {
            const start = performance.now();
            act();
            document.body.offsetHeight;
            return (performance.now() - start) / 1000;
          };
          const [loaded] = performance.getEntriesByType("navigation");
          return {
            load: loaded.loadEventEnd / 1000,
            sort: timed(() => document.querySelector("[data-column='2']").click()),
            open: timed(() => document.querySelector("[data-sample='600']").click()),
          };
        }"""
    )
    opened.close()
    assert seconds["load"] < 5
    assert seconds["sort"] < 2
    assert seconds["open"] < 0.5
