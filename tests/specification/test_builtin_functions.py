"""Section "Builtin Functions": "Most methods on Tensor as well as functions in the torch namespace are available.
Many functions in torch.nn.functional are also available." """

import pytest
import torch
import torch.nn as nn

import torchscript as jit

# What an operator's schema calls Tensor[] is a list here, where some functions of Python make a tuple: hence the
# calls of list.
TENSOR_METHODS = [
    "x.abs()",
    "x.add(y, alpha=2)",
    "x.argmax()",
    "x.argmax(1, keepdim=True)",
    "list(x.chunk(2, 1))",
    "x.clamp(min=0.2)",
    "x.clamp(0.2, 0.8)",
    "x.contiguous()",
    "x.detach()",
    "x.dim()",
    "x.double()",
    "x.expand(2, -1, -1)",
    "x.flatten()",
    "x.index_select(1, torch.tensor([2, 0]))",
    "x.item() if x.numel() == 1 else 0.0",
    "x.masked_fill(x > 0.5, 0.0)",
    "x.max(dim=1)",
    "x.mean()",
    "x.mean([0, 1], keepdim=True)",
    "x.mm(y.t())",
    "x.mul_(2)",
    "x.numel()",
    "x.permute(1, 0)",
    "x.pow(2)",
    "x.repeat(2, 1)",
    "x.reshape(-1)",
    "x.select(0, 1)",
    "x.shape",
    "x.size()",
    "x.size(0)",
    "x.sort(descending=True)",
    "list(x.split(2, dim=1))",
    "x.squeeze()",
    "x.std(dim=0)",
    "x.sum(1)",
    "x.sum(dim=[0, 1])",
    "x.t()",
    "x.tanh()",
    "x.to(torch.double)",
    "x.topk(2)",
    "x.transpose(0, 1)",
    "x.type_as(y.double())",
    "x.unsqueeze(-1)",
    "x.view(x.size(1), -1)",
    "x.where(x > y, y)",
    "x.zero_()",
]


@pytest.mark.parametrize("expression", TENSOR_METHODS)
def test_tensor_method(define, assert_agrees, expression):
    f = define(f"def f(x, y):\n    return {expression}")
    assert_agrees(f, torch.rand(3, 4), torch.rand(3, 4))


TORCH_FUNCTIONS = [
    "torch.add(x, y)",
    "torch.add(x, 2, alpha=3)",
    "torch.allclose(x, x)",
    "torch.arange(5)",
    "torch.arange(0, 1, 0.25)",
    "torch.bmm(x.unsqueeze(0), y.t().unsqueeze(0))",
    "torch.cat([x, y], dim=1)",
    "torch.cat((x, y))",
    "list(torch.chunk(x, 2, dim=1))",
    "torch.clamp(x, max=0.5)",
    "torch.cumsum(x, 0)",
    "torch.einsum('ij,kj->ik', [x, y])",
    "torch.empty(2, 3).shape",
    "torch.exp(x)",
    "torch.eye(3)",
    "torch.full([2, 3], 1.5)",
    "torch.gather(x, 1, torch.zeros([3, 1], dtype=torch.long))",
    "torch.log_softmax(x, 1)",
    "torch.matmul(x, y.t())",
    "torch.max(x)",
    "torch.max(x, y)",
    "torch.max(x, 1)",
    "torch.mean(x, 0, True)",
    "torch.min(x, dim=1, keepdim=True)",
    "torch.norm(x)",
    "torch.ones_like(x)",
    "torch.rand(2, 3)",
    "torch.randn([2, 3], dtype=torch.double)",
    "torch.sigmoid(x)",
    "list(torch.split(x, [1, 3], 1))",
    "torch.stack([x, y])",
    "torch.sum(x, [0])",
    "torch.svd(x)[1]",
    "torch.tensor([[1, 2], [3, 4]])",
    "torch.tensor(2.5, dtype=torch.double)",
    "torch.topk(x, k=2, dim=1, sorted=True)",
    "list(torch.unbind(x))",
    "torch.where(x > y, x, y)",
    "torch.zeros(3, 4, dtype=torch.int)",
    "torch.zeros_like(x, dtype=torch.double)",
]


@pytest.mark.parametrize("expression", TORCH_FUNCTIONS)
def test_function_of_torch(define, assert_agrees, expression):
    f = define(f"def f(x, y):\n    return {expression}")
    assert_agrees(f, torch.rand(3, 4), torch.rand(3, 4))


FUNCTIONALS = [
    "F.adaptive_avg_pool2d(image, 2)",
    "F.adaptive_max_pool2d(image, (2, 3))",
    "F.avg_pool2d(image, 2)",
    "F.batch_norm(image, torch.zeros(3), torch.ones(3))",
    "F.binary_cross_entropy_with_logits(x, y)",
    "F.conv2d(image, kernel, padding=1)",
    "F.conv2d(image, kernel, None, stride=(2, 1))",
    "F.cosine_similarity(x, y)",
    "F.cross_entropy(x, torch.tensor([0, 1, 3]))",
    "F.dropout(x, 0.5, training=True)",
    "F.dropout(x, training=False)",
    "F.elu(x)",
    "F.embedding(torch.tensor([0, 2]), x)",
    "F.gelu(x)",
    "F.glu(x, 1)",
    "F.hardtanh(x, -0.5, 0.5)",
    "F.interpolate(image, scale_factor=2.0, mode='nearest')",
    "F.interpolate(image, size=[5, 7], mode='bilinear', align_corners=False)",
    "F.l1_loss(x, y)",
    "F.layer_norm(x, [4])",
    "F.leaky_relu(x, 0.2)",
    "F.linear(x, y)",
    "F.log_softmax(x, dim=1)",
    "F.max_pool2d(image, 2)",
    "F.max_pool2d(image, kernel_size=3, stride=2, padding=1)",
    "F.mse_loss(x, y, reduction='sum')",
    "F.nll_loss(F.log_softmax(x, dim=1), torch.tensor([0, 1, 3]))",
    "F.normalize(x, dim=1)",
    "F.one_hot(torch.tensor([0, 2]), 4)",
    "F.pad(x, [1, 2])",
    "F.prelu(x, torch.tensor([0.25]))",
    "F.relu(x)",
    "F.relu(x - 0.5, inplace=True)",
    "F.relu6(x)",
    "F.selu(x)",
    "F.sigmoid(x)",
    "F.silu(x)",
    "F.smooth_l1_loss(x, y)",
    "F.softmax(x, dim=1)",
    "F.softplus(x)",
    "F.tanh(x)",
    "F.unfold(image, [2, 2])",
]


@pytest.mark.parametrize("expression", FUNCTIONALS)
@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_function_of_torch_nn_functional(define, assert_agrees, expression):
    f = define(f"def f(x, y, image, kernel):\n    return {expression}")
    assert_agrees(f, torch.randn(3, 4), torch.rand(3, 4), torch.randn(2, 3, 6, 6), torch.randn(5, 3, 3, 3))


MODULES = [
    (nn.Linear(4, 5), (2, 4)),
    (nn.Conv2d(3, 5, 3, padding=1), (2, 3, 6, 6)),
    (nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.MaxPool2d(2)).eval(), (2, 3, 6, 6)),
]


@pytest.mark.parametrize("module, shape", MODULES, ids=["Linear", "Conv2d", "Sequential"])
@pytest.mark.parametrize("compile", ["trace", "script"])
def test_standard_modules(assert_same, check_graph, compile, module, shape):
    """ "For now we suggest using torch.jit.trace to transform standard torch.nn modules into ScriptModules on
    construction." Scripting them works too since PyTorch 1.2."""

    class Scaled(jit.ScriptModule):
        def __init__(self):
            super(Scaled, self).__init__()
            self.inner = jit.trace(module, torch.rand(shape)) if compile == "trace" else jit.script(module)

        @jit.script_method
        def forward(self, input):
            return self.inner(input) * 2

    scaled = Scaled()
    input = torch.rand(shape)
    assert_same(scaled(input), module(input) * 2)
    check_graph(scaled.graph)
    check_graph(scaled.inlined_graph)
