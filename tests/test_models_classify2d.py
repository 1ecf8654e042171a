"""The page of classify2d: what is in it, and that the browser computes as the library does."""

import json
import re

import numpy as np
import pytest
from browser import look, needs_browser

import autograd as ag
import models
import optim
from models import classify2d
from models.training.loop import train
from models.training.recipe import UsageError
from nn import functional as F


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classify2d")
    result = train(models.RECIPES["classify2d"], {"steps": 60, "every": 20}, folder=folder)
    text = (folder / classify2d.PAGE).read_text(encoding="utf-8")
    data = json.loads(re.search(r'application/json">(.*?)</script>', text, re.DOTALL)[1])
    return result.model, text, data


def test_the_page_needs_nothing_from_elsewhere(page):
    _, text, _ = page
    assert "{{" not in text and "http" not in text and " src=" not in text


def test_snapshots_are_the_training(page):
    model, _, data = page
    assert len(data["moments"]) == 4 and len(data["points"]) == 200
    losses = [moment["loss"] for moment in data["moments"]]
    assert losses[-1] < losses[0]
    last = data["moments"][-1]["layers"]
    for layer, rows in zip(model.layers, last, strict=True):
        assert np.allclose(rows[:-1], layer.weight.array, atol=0.1)  # one step of Adam's later


def test_names_of_points():
    with pytest.raises(UsageError, match="one of spirals, moons, circles, got 'stars'"):
        classify2d.points(True, "stars")
    a, b = classify2d.points(True), classify2d.points(False)
    assert (a.data.array != b.data.array).any()


@needs_browser
def test_the_browser_learns_as_the_library_does(page, tmp_path):
    _, text, data = page
    asked = """<script>
      let layers = moments[0].layers, losses = [];
      for (let i = 0; i < 25; i++) {
        const taken = step(layers, 0.02);
        layers = taken.layers;
        losses.push(taken.loss);
      }
      $("train").click(); run(false); $("again").click();
      document.title = JSON.stringify({ losses, moments: moments.length, at: $("time").value });
    </script>"""
    (tmp_path / "page.html").write_text(text.replace("</html>", asked + "</html>"))
    dom = look(tmp_path / "page.html", tmp_path)
    found = json.loads(re.search(r"<title>(\{.*?)</title>", dom)[1])
    assert found["moments"] == 1 and found["at"] == "0"
    model = models.Classify2d().double()
    with ag.no_grad():
        for layer, rows in zip(model.layers, data["moments"][0]["layers"], strict=True):
            layer.weight.copy_(ag.tensor(rows[:-1], dtype=ag.float64))
            layer.bias.copy_(ag.tensor(rows[-1], dtype=ag.float64))
    x = ag.tensor([point[:2] for point in data["points"]], dtype=ag.float64)
    y = ag.tensor([point[2] for point in data["points"]])
    optimizer, losses = optim.Adam(model.parameters(), 0.02), []
    for _ in range(25):
        loss = F.cross_entropy(model(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert np.allclose(found["losses"], losses, rtol=1e-6)
