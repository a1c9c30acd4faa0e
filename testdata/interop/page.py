"""Use the page of graft serve in a headless Chromium: with a mouse, by keys alone, and on a telephone.

Run: python page.py GRAFT AXE WORKDIR
with numpy, pillow, tritonclient[http] and playwright, at the root of the repository. AXE is axe.min.js of the npm package
axe-core. Pictures of each view are left in WORKDIR. It ends with the line "N passed, N failed".

It has the network and the digits inside graft: two runs that have ended, and one that is watched while it goes on. What
the console says, and each request to another host, is a failure wherever it happens.
"""

import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys

from playwright.sync_api import TimeoutError as Late
from playwright.sync_api import expect, sync_playwright

from serving import served
from suite import digits
from written import Tally, graft

BASE = pathlib.Path("models/base.onnx").resolve()
DATA = pathlib.Path("models/digits.npz").resolve()  # 5 to 9, which the network has not seen
WIDTHS = {"desk": 1280, "telephone": 390}  # pixels
PATIENCE = 30_000  # milliseconds

# What sticks out of the window, but for what lies in a part that scrolls by itself.
BESIDE = """() => {
    const width = document.documentElement.clientWidth;
    const wide = (e) => e.getBoundingClientRect().right > width + 1 && !e.closest("svg") && !e.parentElement.closest(".scroll");
    const out = [...document.querySelectorAll("body *")].filter(wide).map((e) => `${e.tagName}.${e.className}`);
    return document.documentElement.scrollWidth > width ? [...out, `the page is ${document.documentElement.scrollWidth} wide`] : out;
}"""

# The element that has the focus, and whether that can be seen.
FOCUS = """() => {
    const e = document.activeElement;
    const s = getComputedStyle(e);
    const name = e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent;
    return { name: name.trim(), tag: e.tagName, marked: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 };
}"""

# Files that are dragged onto the page or pasted into it.
GIVE = """([files, how]) => {
    const data = new DataTransfer();
    for (const [name, bytes] of files) data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name));
    const given = { bubbles: true, cancelable: true };
    if (how === "paste") document.body.dispatchEvent(new ClipboardEvent("paste", { ...given, clipboardData: data }));
    else for (const what of ["dragover", "drop"]) document.body.dispatchEvent(new DragEvent(what, { ...given, dataTransfer: data }));
}"""

HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
PICTURE = "(canvas) => canvas.toDataURL()"
GRAY = """(canvas) => {
    const p = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return p.every((v, i) => i % 4 === 3 || v === p[i - (i % 4)]);
}"""


class Visit:
    """A page of the server in a window of its own, and what is wrong with it wherever it goes."""

    def __init__(self, tally, browser, address, axe, shots, width=WIDTHS["desk"], scheme="light"):
        self.tally, self.address, self.axe, self.shots, self.of = tally, address, axe, shots, f"{width}-{scheme}"
        self.page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce")
        self.page.set_default_timeout(PATIENCE)
        self.refusal = "no refusal"  # that the console may tell of
        self.page.on("console", lambda m: self.refusal in m.text or tally.check(False, f"{self.page.url}: the console says {m.text}"))
        self.page.on("pageerror", lambda e: tally.check(False, f"{self.page.url}: {e}"))
        self.page.on("request", self.asked)

    def asked(self, request):
        if not request.url.startswith((f"http://{self.address}/", "data:", "blob:")):
            self.tally.check(False, f"a request goes to {request.url}")

    def go(self, view):
        self.page.goto(f"http://{self.address}/{view}")

    def look(self, name):
        """A view as it is now: nothing beside the window, no serious finding of axe, a picture of it."""
        beside = self.page.evaluate(BESIDE)
        self.tally.check(not beside, f"{name} {self.of}: beside the window: {beside}")
        self.page.evaluate(self.axe)
        found = [v for v in self.page.evaluate("axe.run()")["violations"] if v["impact"] in ("serious", "critical")]
        for v in found:
            self.tally.check(False, f"{name} {self.of}: axe: {v['id']}: {v['help']}: {[n['target'] for n in v['nodes']][:5]}")
        self.tally.check(not found, f"{name} {self.of}: {len(found)} findings of axe")
        self.page.screenshot(path=self.shots / f"{name}-{self.of}.png", full_page=True)

    def give(self, how, *files):
        self.page.evaluate(GIVE, [[(f.name, base64.b64encode(f.read_bytes()).decode()) for f in files], how])

    def card(self, name):
        return self.page.get_by_role("article", name=name, exact=True)

    def explained(self, name):
        """Wait until what decided is marked on a photograph."""
        expect(self.card(name).get_by_role("img")).to_have_attribute("aria-label", re.compile("with what speaks for"))

    def tab(self, name, most=40):
        """Press Tab until something of that name has the focus; every stop on the way can be seen."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            at = self.page.evaluate(FOCUS)
            self.tally.check(at["marked"] or at["tag"] == "BODY", f"the focus on {at} cannot be seen")
            if at["name"].startswith(name):
                return
        raise Late(f"{name} is not reached by Tab")


def training(binary, work, name, data, *flags):
    return [binary, "finetune", BASE, data, "-o", work / f"{name}.onnx", "--run", work / "runs" / name, "--freeze", "0", "--threads", "1", "-q", *flags]


def check_try(visit, answers):
    """Photographs on a run's model by the file dialogue, dropped and pasted: their classes are those of graft predict, and what decided is shown."""
    page, tally, photos = visit.page, visit.tally, list(answers)
    visit.go("#try/fast")
    expect(page.locator("#about")).to_contain_text("run fast: 5 classes")
    visit.look("empty")
    page.locator("#files").set_input_files(photos[0])
    visit.explained(photos[0].name)
    visit.give("drop", *photos[1:3])
    visit.give("paste", photos[3])
    for photo, want in answers.items():
        visit.explained(photo.name)
        got = [a.inner_text().split("\n") for a in visit.card(photo.name).locator(".answer").all()]
        tally.check(got == [[c["class"], f"{100 * c['probability']:.1f} %"] for c in want], f"{photo.name}: the page says {got}, graft predict {want}")
        tally.check(want[0]["class"] == photo.parent.name, f"{photo.name} is a {photo.parent.name}, not a {want[0]['class']}")
    visit.look("try")

    card, canvas = visit.card(photos[0].name), visit.card(photos[0].name).locator("canvas")
    likeliest = canvas.evaluate(PICTURE)
    card.locator(".answer").nth(1).click()
    expect(card.locator(".answer").nth(1)).to_have_attribute("aria-pressed", "true")
    other = canvas.evaluate(PICTURE)
    page.get_by_label("Show what decided").uncheck()
    expect(canvas).to_have_attribute("aria-label", photos[0].name)
    plain = canvas.evaluate(PICTURE)
    tally.check(likeliest != other != plain != likeliest, "what decided looks the same for two classes, or as the photograph alone")
    tally.check(canvas.evaluate(GRAY), "the gray photograph alone has colours")
    page.get_by_label("Show what decided").check()

    no = photos[0].with_name("no photograph.txt")
    no.write_text("hello")
    visit.refusal = "status of 400"
    page.locator("#files").set_input_files(no)
    expect(visit.card(no.name)).to_contain_text("not a JPEG, PNG, GIF, WebP or BMP image")


def check_drop_elsewhere(visit, photo):
    """A photograph dropped on another view, before any model is chosen, is tried."""
    visit.go("#runs")
    visit.page.get_by_role("table").wait_for()
    visit.give("drop", photo)
    visit.explained(photo.name)


def check_live(visit, binary, work):
    """A training is watched from its first epochs to its model, which is tried then."""
    page = visit.page
    process = subprocess.Popen(training(binary, work, "live", DATA, "--epochs", "200"), stdout=subprocess.DEVNULL)
    try:
        visit.go("#runs")
        page.get_by_role("link", name="live").click()
        epochs = page.locator(".facts div", has_text="epochs").first.locator("dd")
        expect(page.locator("#run .state")).to_have_text("running")
        expect(epochs).to_have_text(re.compile(r"^[1-9]\d* of 200$"))
        seen = {epochs.inner_text()}
        visit.look("live")
        for hidden in (True, False):  # as when another tab is looked at meanwhile
            page.evaluate(HIDE, hidden)
        while len(seen) < 4 and page.locator("#run .state").inner_text() == "running":
            page.wait_for_timeout(300)
            seen.add(epochs.inner_text())
        visit.tally.check(len(seen) == 4, f"while it runs the page shows {seen}")
        expect(page.locator("#run .state")).to_have_text("finished", timeout=4 * PATIENCE)
        expect(epochs).to_have_text("200 of 200")
        visit.tally.check(process.wait(timeout=60) == 0, "the training has failed")
    finally:
        process.terminate()
        process.wait()
    page.get_by_role("link", name="Try its model").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value("live")
    expect(page.locator("#about")).to_contain_text("5 classes")


def check_runs(visit):
    """Runs in a list, one of them, its report, and two compared."""
    page = visit.page
    visit.go("#runs")
    expect(page.get_by_role("row")).to_have_count(3)
    visit.look("runs")
    page.get_by_role("link", name="slow").click()
    expect(page.locator("figure svg.plot")).to_have_count(4)
    visit.look("run")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Report").click()
    opened.value.get_by_role("heading", level=1).wait_for()
    opened.value.close()
    page.get_by_role("link", name="Runs").click()
    for name in ("slow", "fast"):
        page.get_by_label(f"Compare {name}").check()
    page.get_by_role("button", name="Compare 2 runs").click()
    expect(page.get_by_role("row", name=re.compile("^lr"))).to_have_text(re.compile(r"0\.0001.*0\.01|0\.01.*0\.0001"))
    visit.look("compare")


def check_keys(visit, photo):
    """All of it without a mouse."""
    page = visit.page
    visit.go("")
    expect(page.locator("#about")).to_contain_text("5 classes")
    visit.tab("Skip to the content")
    page.keyboard.press("Enter")
    visit.tab("Model")
    with page.expect_file_chooser() as chooser:
        visit.tab("Choose photographs")
        page.keyboard.press("Enter")
    chooser.value.set_files(photo)
    visit.explained(photo.name)
    visit.tab("Show what decided")
    page.keyboard.press("Space")
    expect(visit.card(photo.name).get_by_role("img")).to_have_attribute("aria-label", photo.name)
    page.keyboard.press("Space")
    visit.tab("Strength")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_label("Strength")).to_have_value("64")
    answer = visit.card(photo.name).locator(".answer").nth(2)
    visit.tab(answer.inner_text().split("\n")[0])
    page.keyboard.press("Enter")
    expect(answer).to_have_attribute("aria-pressed", "true")
    page.reload()
    visit.tab("Runs")
    page.keyboard.press("Enter")
    page.get_by_role("table").wait_for()
    visit.tab("Compare ")
    page.keyboard.press("Space")
    visit.tab("Compare ")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    visit.tab("Compare 2 runs")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Runs compared")).to_be_visible()
    visit.tab("All runs")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()


def check_end(browser, address, server):
    """A page whose server has ended says so."""
    page = browser.new_page()
    page.goto(f"http://{address}/#run/slow")
    expect(page.locator("#run .state")).to_have_text("finished")
    server.terminate()
    expect(page.get_by_role("alert")).to_contain_text("does not answer", timeout=PATIENCE)


def main(binary, axe, work):
    expect.set_options(timeout=PATIENCE)
    tally, work = Tally(), pathlib.Path(work).resolve()
    binary, axe = str(pathlib.Path(binary).resolve()), pathlib.Path(axe).read_text()
    folder = digits(work / "photos")
    photos = [folder / label / f"{i}.png" for i, label in enumerate("5679")]
    for name, rate in {"slow": "0.0001", "fast": "0.01"}.items():
        subprocess.run(training(binary, work, name, folder, "--epochs", "30", "--lr", rate), check=True, stdout=subprocess.DEVNULL)
    answers = {photo: json.loads(graft(binary, "predict", work / "fast.onnx", photo, "--json"))[0]["classes"] for photo in photos}
    chromium = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])))
    with served(binary, BASE, "--runs", work / "runs", "--threads", "1") as (address, server), sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in WIDTHS.values():
            for scheme in ("light", "dark"):
                visit = Visit(tally, browser, address, axe, work, width, scheme)
                attempt(tally, visit.of, lambda: check_try(visit, answers))
                attempt(tally, visit.of, lambda: check_runs(visit))
                visit.page.close()
        visit = Visit(tally, browser, address, axe, work)
        attempt(tally, "a drop elsewhere", lambda: check_drop_elsewhere(visit, photos[0]))
        attempt(tally, "by keys", lambda: check_keys(visit, photos[0]))
        attempt(tally, "live", lambda: check_live(visit, binary, work))
        visit.page.close()
        attempt(tally, "the end", lambda: check_end(browser, address, server))
        browser.close()
    return tally.end()


def attempt(tally, of, check):
    """One check, which fails where the page does not come to what it waits for."""
    try:
        check()
        tally.check(True, of)
    except (AssertionError, Late) as e:
        tally.check(False, f"{of}: {e}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
