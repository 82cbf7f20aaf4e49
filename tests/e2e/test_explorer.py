"""The Explore half in a real Chromium, on a real run: what is dragged, added, forgotten and inverted is what Python
draws from the same words."""

import io
import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import browsing
import dcgan
from browsing import MOST, same
from dcgan import latents
from dcgan.errors import UserError
from dcgan.folder import Folder

pytest.importorskip("starlette", reason="the extra `studio` is not installed")

TOOLS = ("grid", "plane", "sums", "sliders", "forget", "layers", "critic", "steps")
EXPLORER = "".join(
    (
        "document.querySelector('dcgan-studio')",
        *(f".shadowRoot.querySelector('dcgan-{one}')" for one in ("explore", "explorer")),
    )
)


class Studio:
    def __init__(self, page: Any, address: str, run: Path):
        self.page, self.address, self.run = page, address, run
        self.heard = browsing.Heard(page)

    def open(self, **state: str) -> None:
        from urllib.parse import urlencode

        self.page.goto("about:blank")
        self.page.goto(f"{self.address}#/explore?{urlencode({'run': self.run.name, **state})}")
        self.page.locator("#chosen[drawn]").wait_for()

    @property
    def state(self) -> dict[str, Any]:
        return self.page.evaluate(f"{EXPLORER}.state")

    @property
    def words(self) -> str:
        return self.state["point"]

    def seen(self, selector: str = "#chosen") -> np.ndarray:
        """The pixels on a picture's canvas, once it shows what it should."""
        element = self.page.locator(selector).first
        element.evaluate("""async (it) => {
            const wanted = it.words;
            const drawn = () => it.picture && it.drawnFor === it.askedFor;
            for (let i = 0; i < 3000 && !drawn(); i++) await new Promise((go) => setTimeout(go, 20));
            if (!drawn()) throw new Error(`not drawn: ${wanted}`);
        }""")
        made = element.evaluate("""(it) => {
            const canvas = it.shadowRoot.querySelector('canvas');
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            return [canvas.height, canvas.width, Array.from(data)];
        }""")
        height, width, pixels = made
        return np.array(pixels, np.uint8).reshape(height, width, 4)[..., :3]

    def settled(self, true: Callable[[], Any], what: str) -> None:
        for _ in range(3000):  # however busy the machine
            if true():
                return
            self.page.wait_for_timeout(30)
        raise AssertionError(f"it did not come: {what}")


@pytest.fixture(scope="module")
def run(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy: saved points go into it."""
    return Path(shutil.copytree(trained, tmp_path_factory.mktemp("runs") / "faces"))


@pytest.fixture(scope="module")
def model(run: Path) -> Any:
    return dcgan.load(run)


@pytest.fixture(scope="module")
def opened(browser: Any, run: Path) -> Iterator[Studio]:
    with browsing.served(run.parent) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.set_default_timeout(120_000)
        yield Studio(context.new_page(), address, run)
        context.close()


@pytest.fixture
def studio(opened: Studio) -> Iterator[Studio]:
    opened.heard.complaints.clear()
    yield opened
    assert opened.heard.complaints == []
    assert opened.heard.outside(opened.address, "about:") == []


WORDS = ["0", "17", "0.5*12 + 0.5*40", "+12,40,77 -3,9,31", "17 ~7", "17 + 0.4*#z.12 - #n.3", str(latents.MAX_SEED)]


def test_the_page_draws_what_python_draws(studio, model):
    studio.open()
    field = studio.page.get_by_label("The chosen picture, in words")
    for words in WORDS:
        field.fill(words)
        same(studio.seen(), model.sample(words)[0])
    different = np.abs(studio.seen().astype(int) - model.sample(17)[0].astype(int))
    assert different.max() > 2 * MOST  # else any picture would do
    field.fill("17 40")
    studio.page.get_by_text("two terms with no sign between them").wait_for()


def test_points_in_words_are_pythons(studio, model):
    """The same z to the last bit where z is uniform, for what anyone might write; refused by one, refused by both."""
    rng = np.random.default_rng(5)
    seeds = [int(s) for s in rng.integers(0, latents.MAX_SEED, 40)] + [0, 1, 2**32 - 1, 2**32, latents.MAX_SEED]
    pieces = [
        "+",
        "-",
        " ",
        "12",
        "0.5*",
        "#z.1",
        "#n.4",
        ",",
        "~3",
        "*",
        "1e3*",
        "40",
        "#pc",
        "@2",
        ".5*7",
        "x",
        "#z.99999",
    ]
    words = [str(s) for s in seeds]
    words += [
        f"{w:.3g}*{a} - {v!r}*{b},{a} ~{b}"
        for w, v, a, b in zip(rng.random(40), rng.random(40), seeds, seeds[1:], strict=False)
    ]
    words += ["".join(rng.choice(pieces, rng.integers(1, 7))) for _ in range(400)]
    studio.open()
    read = f"""([words, kind]) => {{
        const generator = {EXPLORER}.generator;
        const before = generator.about.z;
        generator.about.z = kind;
        const z = (one) => Array.from(generator.latent(generator.parse(one)));
        try {{ return words.map((one) => (generator.wrong(one) ? null : z(one))); }}
        finally {{ generator.about.z = before; }}
    }}"""
    refused = 0
    for kind, ulps in (("uniform", 0), ("normal", 2)):  # log, cos: the last bit is the library's own
        for one, theirs in zip(words, studio.page.evaluate(read, [words, kind]), strict=True):
            try:
                point = latents.parse(one)
                ours = (
                    None
                    if point.label is not None
                    else latents.resolve(point, model.config.z_dim, kind, model.folder.saved)
                )
            except UserError:
                ours = None
            refused += ours is None
            assert (ours is None) == (theirs is None), one
            if ours is not None:
                assert np.allclose(np.float32(theirs), ours, rtol=ulps * 2**-23, atol=ulps * 2**-24), one
    assert 200 < refused < 900  # of 970: both kinds are there


def test_the_grid_goes_on_and_keeps_what_is_clicked(studio, model):
    studio.open()
    page = studio.page
    page.get_by_role("button", name="Seed 3", exact=True).click()
    page.get_by_role("button", name="Seed 9", exact=True).click()
    assert [one["words"] for one in studio.state["bench"]] == ["3", "9"]
    same(studio.seen("[data-seed='5'] dcgan-picture"), model.sample(5)[0])
    page.locator("explore-grid .scroll").evaluate("(it) => it.scrollTo(0, 40000)")
    studio.settled(lambda: page.locator("[data-seed]").first.get_attribute("data-seed") != "0", "later seeds")
    far = page.locator("[data-seed]").nth(30).get_attribute("data-seed")
    assert int(far) > 2000
    same(studio.seen(f"[data-seed='{far}'] dcgan-picture"), model.sample(int(far))[0])
    assert page.locator("[data-seed]").count() < 200  # only what is seen
    page.get_by_label("From seed").fill("1000000")
    page.get_by_label("From seed").press("Enter")
    page.get_by_role("button", name="Seed 1000000", exact=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    columns = page.locator("explore-grid").evaluate("(it) => it.columns")
    page.keyboard.press("Enter")
    assert studio.words == str(1000001 + columns)
    page.get_by_label("Name of 3").fill("Ann; a|b")
    page.get_by_label("Name of 3").press("Enter")
    address = page.url
    page.reload()
    page.locator("#chosen[drawn]").wait_for()
    assert page.url == address
    assert [one["name"] for one in studio.state["bench"]] == ["Ann  a b", "", ""]
    page.go_back()
    studio.settled(lambda: studio.state["bench"][0]["name"] == "", "the step back")


def test_dragging_on_the_plane_is_drawing(studio, model):
    studio.open(tool="plane", corners="3;9;12;40")
    pad = studio.page.locator("explore-plane .pad")
    box = pad.bounding_box()
    mouse = studio.page.mouse
    mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    mouse.down()
    seen = set()
    for x, y in [(0.4, 0.5), (0.3, 0.6), (0.25, 0.75)]:
        mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        seen.add(studio.words)
        same(studio.seen(), model.sample(studio.words)[0])
    assert len(seen) == 3
    weights = [float(w) for w in re.findall(r"([\d.]+)\*", studio.words)]
    assert weights == pytest.approx([0.75 * 0.25, 0.25 * 0.25, 0.75 * 0.75, 0.25 * 0.75], abs=0.01)
    mouse.move(box["x"] + box["width"] + 50, box["y"] + box["height"] + 50)  # beyond the edge is at the corner
    mouse.up()
    assert studio.words == "40"
    same(studio.seen(), model.sample(40)[0])
    pad.focus()
    studio.page.keyboard.press("Shift+ArrowLeft")
    assert studio.words == "0.1*12 +0.9*40"
    assert studio.state["at"] == pytest.approx([0.9, 1.0])


def test_a_walk_plays_and_is_recorded(studio, model):
    studio.open(tool="plane", bench="3;9")
    page = studio.page
    page.get_by_role("button", name="Play a walk").click()
    studio.settled(lambda: "*3" in studio.words and "*9" in studio.words, "a place between the two")
    page.get_by_role("button", name="Pause").click()
    words = studio.words
    same(studio.seen(), model.sample(words)[0])
    with page.expect_download() as download:
        page.get_by_role("button", name="Record as WebP").click()
    with Image.open(download.value.path()) as walk:
        assert walk.format == "WEBP"
        assert walk.n_frames == 48  # to the other and back
        assert walk.size == (256, 256)
        first = np.asarray(walk.convert("RGB").resize((16, 16), Image.Resampling.BOX), int)
        walk.seek(24)
        middle = np.asarray(walk.convert("RGB").resize((16, 16), Image.Resampling.BOX), int)
    three, nine = (model.sample(seed)[0].astype(int) for seed in (3, 9))
    # WebP loses some; each end must be nearer to its own picture
    assert np.abs(first - three).mean() < np.abs(first - nine).mean()
    assert np.abs(middle - nine).mean() < np.abs(middle - three).mean()


def test_arithmetic_saves_a_direction_that_the_command_knows(studio, model, run, cli, tmp_path):
    studio.open(tool="sums", bench="3;9;12")
    page = studio.page
    trays = page.locator("explore-sums .tray")
    for tray, seeds in enumerate(([3, 9], [12])):
        for seed in seeds:
            page.get_by_role("button", name=f"Choose {seed}", exact=True).click()
            trays.nth(tray).get_by_role("button", name="Add the chosen").click()
    page.get_by_role("button", name="Choose 9", exact=True).drag_to(trays.nth(2))
    assert studio.words == "3,9 -12 +9"
    same(studio.seen(), model.sample("+3,9 -12 +9")[0])
    nine = page.locator("explore-sums .nine dcgan-picture")
    assert nine.count() == 9
    same(studio.seen("explore-sums .nine .tile:nth-child(1) dcgan-picture"), model.sample("3,9 -12 +9 ~1")[0])
    page.get_by_role("button", name="Take 9 out of tray 3").click()
    page.get_by_label("Name of the direction").fill("younger")
    page.locator("explore-sums form button").click()
    studio.settled(lambda: "younger" in Folder(run).points(), "#younger in the run")
    assert np.array_equal(Folder(run).saved("younger"), latents.resolve(latents.parse("3,9 -12"), 100))
    page.get_by_role("tab", name="Sliders").click()
    page.get_by_role("button", name="Choose 3", exact=True).click()
    page.get_by_label("younger").fill("0.8")
    assert studio.words == "3 +0.8*#younger"
    drawn = tmp_path / "moved.png"
    assert cli("sample", run, "--point", studio.words, "--out", drawn).code == 0
    same(studio.seen(), np.asarray(Image.open(drawn)))
    page.get_by_role("button", name="Choose 12", exact=True).click()  # the same slider moves another picture
    assert studio.words == "12 +0.8*#younger"
    page.get_by_label("Direction 1", exact=False).first.fill("2")
    assert "#pc1.30" in studio.words
    same(studio.seen(), dcgan.load(run).sample(studio.words)[0])
    page.get_by_role("button", name="Each of the 100 numbers of z").click()
    page.get_by_label("z 12", exact=True).fill("1.5")
    assert "1.5*#z.12" in studio.words
    same(studio.seen(), dcgan.load(run).sample(studio.words)[0])


def test_a_saved_picture_carries_its_recipe(studio, run, cli, tmp_path):
    studio.open(point="0.5*12 + 0.5*40 ~7")
    with studio.page.expect_download() as download:
        studio.page.get_by_role("button", name="Save", exact=True).click()
    with Image.open(download.value.path()) as saved:
        text, pixels = dict(saved.text), np.asarray(saved)
    assert text == {"dcgan:run": run.name, "dcgan:step": "30", "dcgan:points": "0.5*12 +0.5*40 ~7"}
    drawn = tmp_path / "again.png"
    assert cli("sample", run, "--point", text["dcgan:points"], "--out", drawn).code == 0
    same(pixels, np.asarray(Image.open(drawn)))
    studio.page.get_by_role("button", name="Command").click()
    copied = studio.page.evaluate("navigator.clipboard.readText()")
    assert copied == f"dcgan sample {run} --point='0.5*12 +0.5*40 ~7'"
    assert cli(*shlex.split(copied)[1:], "--out", tmp_path / "typed.png").code == 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [("", "no run here has saved its generator"), ("?run=faces", "faces has not saved its generator")],
)
def test_a_run_opens_once_it_has_saved(browser, run, tmp_path, asked, said):
    """Waiting for its first checkpoint, without a reload, over a break of the server; what was open is given back."""
    (tmp_path / "faces").mkdir()
    shutil.copy(run / "config.json", tmp_path / "faces")
    with browsing.served(tmp_path) as address:
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{address}#/explore{asked}")
        page.get_by_text(said).wait_for()
        page.route("**/api/explore/**", lambda route: route.abort())
        page.get_by_role("alert").get_by_text("The studio does not answer").wait_for()
        page.unroute("**/api/explore/**")
        page.get_by_text(said).wait_for()
        shutil.copytree(run / "checkpoints", tmp_path / "faces" / "checkpoints")
        page.locator("#chosen[drawn]").wait_for()
        page.goto(f"{address}#/")
        page.locator("dcgan-watch").wait_for(state="attached")
        page.goto(f"{address}#/explore")
        page.locator("#chosen[drawn]").wait_for()
        page.close()


def test_boxes_find_maps_and_switch_them_off(studio, model):
    studio.open(tool="forget", point="0")
    page = studio.page
    for n in (0, 1):
        box = page.locator("explore-boxes .field").nth(n).bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.6)
        page.mouse.up()
    assert [round(side, 1) for side in (studio.state["boxes"][0][key] for key in "xywh")] == [0.3, 0.3, 0.4, 0.3]
    page.get_by_role("button", name="Find and switch off").click()
    studio.settled(lambda: studio.state["off"], "maps that draw it")
    off = {int(layer): maps for layer, maps in studio.state["off"].items()}
    layers = studio.page.evaluate(f"{EXPLORER}.generator.about.layers")
    assert list(off) == [len(layers) - 2]
    same(studio.seen(), gated(model, "0", off, layers))
    assert np.abs(studio.seen().astype(int) - model.sample("0")[0].astype(int)).max() > MOST
    page.get_by_label("Switched off").fill("1")
    assert [len(maps) for maps in studio.state["off"].values()] == [1]
    page.get_by_role("button", name="switch all on").click()
    same(studio.seen(), model.sample("0")[0])
    page.get_by_role("button", name="Map 2, on").click()
    assert list(studio.state["off"].values()) == [[2]]
    field = page.locator("explore-boxes .field").nth(2)
    field.focus()
    for key in ("Enter", "ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    assert studio.state["boxes"][-1] == pytest.approx({"x": 0.4, "y": 0.35, "w": 0.3, "h": 0.35, "words": "2"})
    page.keyboard.press("Delete")
    assert len(studio.state["boxes"]) == 2


def gated(model: Any, words: str, off: dict[int, list[int]], layers: list[list[int]]) -> np.ndarray:
    from dcgan import images

    gates = [torch.ones(maps) for maps, _, _ in layers]
    for layer, maps in off.items():
        gates[layer][maps] = 0
    z, _ = model.latents([words])
    with torch.inference_mode():
        return images.to_uint8(model.G.maps(torch.from_numpy(z), None, gates)[-1], model.config.output)[0]


def test_through_the_layers_and_down_again(studio, model):
    studio.open(tool="layers", point="17")
    page = studio.page
    page.get_by_label("D's layer 1").wait_for()
    for kind, count in (("G", 2), ("D", 2)):
        assert page.locator(f'section[aria-label^="{kind}\'s layer"]').count() == count
    shown = page.locator("canvas.d").first.evaluate(
        "(it) => it.getContext('2d').getImageData(0, 0, it.width, it.height).data[0]"
    )
    with torch.inference_mode():
        from dcgan import images

        first = model.D.maps(images.to_float(model.sample(17)))[0][0, 0].numpy()
    assert shown == pytest.approx(255 * (first[0, 0] - first.min()) / (first.max() - first.min()), abs=3)


def test_what_D_makes_of_a_picture(studio, model):
    studio.open(tool="critic", point="17")
    page = studio.page
    page.get_by_text("D's logit is").wait_for()
    said = float(re.search(r"logit is (-?[\d.]+)", page.get_by_text("D's logit is").text_content())[1])
    assert said == pytest.approx(float(model.score(model.sample(17))[0]), abs=0.02)
    page.locator("explore-critic .nearest img").nth(5).wait_for()
    assert page.locator("explore-critic .nearest img").count() == 6
    distances = [float(text) for text in page.locator("explore-critic .nearest .mono").all_text_contents()]
    from dcgan.studio import pictures

    every = np.asarray(pictures.of_run(model.config).images).astype(float)
    exact = np.sort(np.sqrt(np.square(every - model.sample(17)[0]).mean((1, 2, 3))))[:6]
    assert distances == pytest.approx(exact.tolist(), abs=0.06)  # shown with one decimal


def test_a_picture_of_ones_own_becomes_a_point(studio, run, model):
    studio.open(tool="critic", point="17")
    buffer = io.BytesIO()
    Image.fromarray(model.sample(40)[0]).resize((64, 64)).save(buffer, "PNG")
    upload = {"name": "my cat.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    studio.page.locator("explore-critic input[type=file]").set_input_files(upload)
    studio.settled(lambda: studio.words == "#my-cat", "the point")
    assert json.loads((run / "points.json").read_text())["my-cat"]
    same(studio.seen(), dcgan.load(run).sample("#my-cat")[0])
    found = dcgan.load(run).sample("#my-cat")[0].astype(float)
    assert np.abs(found - model.sample(40)[0]).mean() < np.abs(found - model.sample(17)[0]).mean()
    bad = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"no picture"}
    studio.page.locator("explore-critic input[type=file]").set_input_files(bad)
    studio.page.get_by_text("no picture that can be read").wait_for()
    studio.heard.complaints.clear()  # Chromium notes the refusal


def test_an_address_that_makes_no_sense_is_shown_as_far_as_it_does(studio):
    """No tool stays blank, whatever someone typed or an old address names."""
    nonsense = {
        "bench": "3;x;#gone;9",
        "corners": "3;#gone;17 40",
        "trays": "+#gone;3!-oops",
        "base": "what",
        "weights": "gone|1;z.999|2",
        "off": "1:3,4000;99:1",
        "boxes": "x|0,0,1,1",
        "at": "7,-3",
        "layer": "77",
    }
    studio.open(**nonsense)
    for tool in TOOLS:
        studio.page.locator(f"#tab-{tool}").click()
        shown = studio.page.locator("#panel > *").evaluate("(it) => it.shadowRoot.textContent.trim()")
        assert len(shown) > 100, tool
    assert [one["words"] for one in studio.state["bench"]] == ["3", "9"]
    assert studio.state["off"] == {"1": [3]}


def test_algorithm_1_step_by_step(studio):
    studio.open(tool="steps")
    page = studio.page
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("Nothing has been learned yet").wait_for()
    page.get_by_role("button", name="Update D").click()
    page.get_by_text("D was updated").wait_for()
    moved = page.locator("explore-steps dd").all_text_contents()
    assert float(moved[0].split()[0]) > 0
    assert float(moved[1].split()[0]) == 0  # G stood still
    page.get_by_role("button", name="Update G").click()
    page.get_by_text("G was updated").wait_for()
    moved = page.locator("explore-steps dd").all_text_contents()
    assert float(moved[0].split()[0]) == 0
    assert float(moved[1].split()[0]) > 0
    page.get_by_text("1 updates of G").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_tool_is_accessible(studio, serious, scheme):
    """axe finds nothing serious; tabs move by keyboard."""
    studio.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    studio.open(bench="3;9", trays="+3;9!-12", point="9")
    studio.page.get_by_role("tab", name="Grid").focus()
    said = {}
    for i, tool in enumerate(TOOLS):
        if i:
            studio.page.keyboard.press("ArrowRight")
        assert studio.state["tool"] == tool
        studio.page.locator("#chosen[drawn]").wait_for()
        said[tool] = serious(studio.page)
    assert said == {tool: [] for tool in TOOLS}
