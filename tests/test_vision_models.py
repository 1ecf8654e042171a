"""The networks of torchvision, without PyTorch: names, shapes and counts, and what they refuse."""

import pytest
from torchvision_layers import MORE_PARAMETERS, leave_undrawn, parameters, read

import autograd as ag
import models
from autograd import serialize
from nn import functional as F

NETWORKS = read()
SMALLEST = {  # sides of the smallest images, and how each network is made for this test
    "alexnet": (63, {"num_classes": 2}),
    "alexnet small": (15, {"small": True, "num_classes": 2}),
    "vgg11 small": (32, {"small": True, "num_classes": 2}),
    "googlenet": (15, {"num_classes": 2, "init_weights": False}),
    "googlenet small": (15, {"small": True, "num_classes": 2}),
}


def shapes_of(model) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_torchvisions(name, monkeypatch):
    leave_undrawn(monkeypatch)
    count, expected = NETWORKS[name]
    model = getattr(models, name)()
    assert list(shapes_of(model).items()) == list(expected.items())
    assert parameters(expected) == count == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", MORE_PARAMETERS)
def test_the_other_depths_have_torchvisions_number_of_parameters(name, monkeypatch):
    leave_undrawn(monkeypatch)
    model = getattr(models, name)()
    assert sum(p.numel() for p in model.parameters()) == MORE_PARAMETERS[name]


@pytest.mark.parametrize("name", SMALLEST)
def test_the_smallest_images_pass_and_smaller_ones_are_refused(name):
    side, options = SMALLEST[name]
    model = getattr(models, name.split()[0])(**options).eval()
    with ag.no_grad():
        assert model(ag.zeros(1, 3, side, side)).shape == (1, 2)
        with pytest.raises(ValueError, match=rf"at least {side} x {side} pixels, got \[1, 3, 14,"):
            model(ag.zeros(1, 3, 14, side))
        with pytest.raises(
            ValueError, match=r"\(batch, 3, height, width\).*got \[1, 1, 224, 224\]"
        ):
            model(ag.zeros(1, 1, 224, 224))
        with pytest.raises(ValueError, match=r"got \[3, 224, 224\]"):
            model(ag.zeros(3, 224, 224))


@pytest.mark.parametrize("make", [models.lenet5, models.LeNet1998])
def test_lenets_say_the_size_they_are_for(make):
    with pytest.raises(ValueError, match=r"\(batch, 1, 32, 32\), got \[2, 1, 28, 28\]: pad"):
        make()(ag.zeros(2, 1, 28, 28))


def test_alexnet_says_what_to_do_with_images_of_32_pixels(monkeypatch):
    leave_undrawn(monkeypatch)
    with pytest.raises(ValueError, match=r"63 x 63 pixels.*small=True for images of 32"):
        models.alexnet()(ag.zeros(1, 3, 32, 32))


def test_weights_of_another_number_of_classes_are_refused_by_name_and_shape(tmp_path):
    path = tmp_path / "three.safetensors"
    serialize.save(models.resnet18(num_classes=3, width=4).state_dict(), path)
    model = models.resnet18(num_classes=10, width=4)
    before = model.fc.weight.array.copy()
    with pytest.raises(RuntimeError) as refusal:
        models.load_weights(model, path)
    assert "fc.weight: the state dict has shape (3, 32), the model has (10, 32)" in str(
        refusal.value
    )
    assert "fc.bias: the state dict has shape (3,), the model has (10,)" in str(refusal.value)
    assert (model.fc.weight.array == before).all()


def test_weights_of_another_depth_are_refused_by_name(tmp_path):
    path = tmp_path / "deeper.safetensors"
    serialize.save(models.vgg13(small=True, num_classes=2).state_dict(), path)
    with pytest.raises(RuntimeError, match=r"features\.22\.weight"):
        models.load_weights(models.vgg11(small=True, num_classes=2), path)


def test_no_network_of_unknown_depth():
    with pytest.raises(ValueError, match="11, 13, 16 or 19 layers with weights, got depth=12"):
        models.VGG(12)
    with pytest.raises(ValueError, match="18, 34, 50, 101, 152 layers with weights, got depth=20"):
        models.ResNet(20)


def test_an_incomplete_window_counts_even_if_it_is_the_only_one():
    # GoogLeNet's poolings meet such an image: ceil_mode rounds the number of windows up to 1.
    image = ag.arange(4.0).reshape(1, 1, 2, 2).requires_grad_()
    pooled = F.max_pool2d(image, 3, 2, ceil_mode=True)
    pooled.sum().backward()
    assert pooled.tolist() == [[[[3.0]]]] and image.grad.tolist() == [[[[0, 0], [0, 1]]]]
    with pytest.raises(ValueError, match="does not fit"):
        F.max_pool2d(image, 3, 2)
