"""torchvision's networks in PyTorch's own layers, for comparison: nothing else need be installed.

Written from the papers and from the names in tests/torchvision_layers.txt, not from models/.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


class AlexNet(nn.Module):
    def __init__(self, dropout=0.5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(9216, 4096), nn.ReLU(),
            nn.Dropout(dropout), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000),
        )  # fmt: skip

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


# The table of the paper: a number is a layer of so many filters, M a pooling.
VGG_LAYERS = {
    11: "64 M 128 M 256 256 M 512 512 M 512 512 M",
    13: "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    16: "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    19: "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}


class VGG(nn.Module):
    def __init__(self, depth, batch_norm=False, dropout=0.5):
        super().__init__()
        layers, channels = [], 3
        for word in VGG_LAYERS[depth].split():
            if word == "M":
                layers.append(nn.MaxPool2d(2, 2))
                continue
            layers.append(nn.Conv2d(channels, int(word), 3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(int(word)))
            layers.append(nn.ReLU())
            channels = int(word)
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 49, 4096), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(dropout), nn.Linear(4096, 1000),
        )  # fmt: skip

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class Conv(nn.Module):
    def __init__(self, before, after, size, **options):
        super().__init__()
        self.conv = nn.Conv2d(before, after, size, bias=False, **options)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    def __init__(self, before, ch1, red3, ch3, red5, ch5, pool):
        super().__init__()
        self.branch1 = Conv(before, ch1, 1)
        self.branch2 = nn.Sequential(Conv(before, red3, 1), Conv(red3, ch3, 3, padding=1))
        self.branch3 = nn.Sequential(Conv(before, red5, 1), Conv(red5, ch5, 3, padding=1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), Conv(before, pool, 1))

    def forward(self, x):
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return torch.cat([branch(x) for branch in branches], 1)


class Head(nn.Module):
    def __init__(self, before, dropout):
        super().__init__()
        self.conv = Conv(before, 128, 1)
        self.fc1, self.fc2 = nn.Linear(2048, 1024), nn.Linear(1024, 1000)
        self.dropout = dropout

    def forward(self, x):
        x = torch.flatten(self.conv(F.adaptive_avg_pool2d(x, 4)), 1)
        return self.fc2(F.dropout(torch.relu(self.fc1(x)), self.dropout, self.training))


class GoogLeNet(nn.Module):
    def __init__(self, dropout=0.2, dropout_aux=0.7):
        super().__init__()
        self.conv1 = Conv(3, 64, 7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = Conv(64, 64, 1)
        self.conv3 = Conv(64, 192, 3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1, self.aux2 = Head(512, dropout_aux), Head(528, dropout_aux)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, 1000)

    def forward(self, x):
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        a = self.inception4a(self.maxpool3(self.inception3b(self.inception3a(x))))
        d = self.inception4d(self.inception4c(self.inception4b(a)))
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(d))))
        x = self.fc(self.dropout(x.mean((2, 3))))
        return (x, self.aux2(d), self.aux1(a)) if self.training else x


def conv(before, after, size, stride=1):
    return nn.Conv2d(before, after, size, stride, size // 2, bias=False)


class Basic(nn.Module):
    expansion = 1

    def __init__(self, before, width, stride, downsample):
        super().__init__()
        self.conv1, self.bn1 = conv(before, width, 3, stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3), nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, before, width, stride, downsample):
        super().__init__()
        self.conv1, self.bn1 = conv(before, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3, stride), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = conv(width, 4 * width, 1), nn.BatchNorm2d(4 * width)
        self.downsample = downsample

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(torch.relu(self.bn2(self.conv2(y)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, block, *counts):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 64, 7, 2), nn.BatchNorm2d(64)
        self.before = 64
        self.layer1 = self.stage(block, 64, counts[0], 1)
        self.layer2 = self.stage(block, 128, counts[1], 2)
        self.layer3 = self.stage(block, 256, counts[2], 2)
        self.layer4 = self.stage(block, 512, counts[3], 2)
        self.fc = nn.Linear(512 * block.expansion, 1000)

    def stage(self, block, width, count, stride):
        blocks, after = [], width * block.expansion
        for i in range(count):
            step, downsample = stride if i == 0 else 1, None
            if step > 1 or self.before != after:
                downsample = nn.Sequential(conv(self.before, after, 1, step), nn.BatchNorm2d(after))
            blocks.append(block(self.before, width, step, downsample))
            self.before = after
        return nn.Sequential(*blocks)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class CifarBlock(nn.Module):
    def __init__(self, before, width):
        super().__init__()
        self.stride = 2 if width > before else 1
        self.conv1, self.bn1 = conv(before, width, 3, self.stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3), nn.BatchNorm2d(width)

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if self.stride == 2:
            x = F.avg_pool2d(x, 1, 2)
            x = torch.cat([x, torch.zeros_like(x)], 1)
        return torch.relu(y + x)


class CifarResNet(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 16, 3), nn.BatchNorm2d(16)
        widths = [16] * (count + 1) + [32] * count + [64] * count
        self.blocks = nn.Sequential(*(CifarBlock(*pair) for pair in pairwise(widths)))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(self.blocks(torch.relu(self.bn1(self.conv1(x)))).mean((2, 3)))


# How each network is made, without dropout, and the size of the images it is compared on.
NETWORKS = {
    "alexnet": (lambda: AlexNet(0.0), 67, {"dropout": 0.0}),
    **{
        f"vgg{depth}{'_bn' if norm else ''}": (
            lambda depth=depth, norm=norm: VGG(depth, norm, 0.0), 32, {"dropout": 0.0},
        )
        for norm in (False, True)
        for depth in VGG_LAYERS
    },
    "googlenet": (lambda: GoogLeNet(0.0, 0.0), 67, {"dropout": 0.0, "dropout_aux": 0.0}),
    "resnet18": (lambda: ResNet(Basic, 2, 2, 2, 2), 48, {}),
    "resnet34": (lambda: ResNet(Basic, 3, 4, 6, 3), 48, {}),
    "resnet50": (lambda: ResNet(Bottleneck, 3, 4, 6, 3), 48, {}),
    "resnet101": (lambda: ResNet(Bottleneck, 3, 4, 23, 3), 48, {}),
    "resnet152": (lambda: ResNet(Bottleneck, 3, 8, 36, 3), 48, {}),
    "resnet20": (lambda: CifarResNet(3), 32, {}),
    "resnet110": (lambda: CifarResNet(18), 32, {}),
}  # fmt: skip
