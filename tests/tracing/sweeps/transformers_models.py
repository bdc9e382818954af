"""Trace architectures of Hugging Face transformers, built small and random, and run what was saved elsewhere.

    python -m tests.tracing.sweeps.transformers_models                all of them
    python -m tests.tracing.sweeps.transformers_models bert --no-cpp  some, without C++

Needs `pip install transformers`. Each is traced with a batch of 2 and a length of 7, and is to return what eager PyTorch
returns for other batches and lengths too: in this process, loaded by torch.jit.load, and in the C++ host.
"""

import io
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import torchscript
from torchscript.tracing.structures import from_fields, tensors_in

from .sweeping import sweep

SIZES = ((2, 7), (3, 7), (2, 10))
TEXT = dict(
    vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=37,
    max_position_embeddings=64,
)  # fmt: skip
SEQUENCE = dict(
    vocab_size=99, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
    decoder_attention_heads=4, encoder_ffn_dim=37, decoder_ffn_dim=37, use_cache=False,
)  # fmt: skip
VISION = dict(
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=37,
    image_size=32,
    patch_size=8,
)
SPEECH = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=37, conv_dim=(8, 8),
    conv_stride=(5, 2), conv_kernel=(10, 3), num_feat_extract_layers=2, num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=2,
)  # fmt: skip
GPT2 = dict(vocab_size=99, n_embd=32, n_layer=2, n_head=4)
NO_CACHE = dict(use_cache=False)
GROUPED = dict(num_key_value_heads=2, use_cache=False)

Inputs = Callable[[int, int], tuple[Any, ...]]


def ids(batch: int, length: int) -> torch.Tensor:
    return torch.randint(3, 90, (batch, length))


def tokens(batch: int, length: int) -> tuple[Any, ...]:
    return (ids(batch, length),)


def masked(batch: int, length: int) -> tuple[Any, ...]:
    mask = torch.ones(batch, length, dtype=torch.long)
    mask[0, -2:] = 0
    return ids(batch, length), mask


def image(batch: int, length: int) -> tuple[Any, ...]:
    return (torch.rand(batch, 3, 32, 32),)


def sound(batch: int, length: int) -> tuple[Any, ...]:
    return (torch.rand(batch, 100 * length),)


class Decodes(nn.Module):
    """One step of decoding: keys and values of the past in, those with the step's out."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, token: torch.Tensor, *past: torch.Tensor) -> tuple[torch.Tensor, ...]:
        from transformers import DynamicCache

        cache = DynamicCache()
        for layer in range(len(past) // 2):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        logits = self.model(input_ids=token, past_key_values=cache, use_cache=True).logits
        return (logits, *(t for layer in cache.layers for t in (layer.keys, layer.values)))


def past(heads: int, size: int) -> Inputs:
    def inputs(batch: int, length: int) -> tuple[Any, ...]:
        keys = tuple(torch.rand(batch, heads, length, size) for _ in range(4))
        return (ids(batch, 1), *keys)

    return inputs


class Whisper(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, sound: torch.Tensor, tokens: torch.Tensor) -> Any:
        return self.model(input_features=sound, decoder_input_ids=tokens)


# Name: the class, its configuration's class, the configuration, the inputs, and what it is wrapped in.
CASES: dict[str, tuple[str, str, dict[str, Any], Inputs, Callable[[nn.Module], nn.Module] | None]] = {
    # encoders
    "bert": ("BertModel", "BertConfig", TEXT, masked, None),
    "roberta": ("RobertaModel", "RobertaConfig", TEXT, tokens, None),
    "distilbert": ("DistilBertModel", "DistilBertConfig",
                   dict(vocab_size=99, dim=32, n_layers=2, n_heads=4, hidden_dim=37), masked, None),
    "electra": ("ElectraModel", "ElectraConfig", dict(TEXT, embedding_size=16), masked, None),
    "albert": ("AlbertModel", "AlbertConfig", TEXT, masked, None),
    "mpnet": ("MPNetModel", "MPNetConfig", TEXT, tokens, None),
    "deberta": ("DebertaV2Model", "DebertaV2Config",
                dict(TEXT, relative_attention=True, pos_att_type=["c2p", "p2c"]), tokens, None),
    "xlnet": ("XLNetModel", "XLNetConfig", dict(vocab_size=99, d_model=32, n_layer=2, n_head=4, d_inner=37),
              tokens, None),
    # decoders without a cache
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", dict(GPT2, **NO_CACHE), tokens, None),
    "llama": ("LlamaForCausalLM", "LlamaConfig", dict(TEXT, **NO_CACHE), masked, None),
    "mistral": ("MistralModel", "MistralConfig", dict(TEXT, **GROUPED), tokens, None),
    "qwen2": ("Qwen2Model", "Qwen2Config", dict(TEXT, **GROUPED), tokens, None),
    "gemma": ("GemmaModel", "GemmaConfig", dict(TEXT, head_dim=8, **GROUPED), tokens, None),
    "phi": ("PhiModel", "PhiConfig", dict(TEXT, **NO_CACHE), tokens, None),
    "opt": ("OPTModel", "OPTConfig", dict(vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
            ffn_dim=37, word_embed_proj_dim=32, **NO_CACHE), tokens, None),
    "bloom": ("BloomModel", "BloomConfig", dict(vocab_size=99, hidden_size=32, n_layer=2, n_head=4, **NO_CACHE),
              tokens, None),
    # decoders with a cache
    "gpt2 with cache": ("GPT2LMHeadModel", "GPT2Config", GPT2, past(4, 8), Decodes),
    "llama with cache": ("LlamaForCausalLM", "LlamaConfig", TEXT, past(4, 8), Decodes),
    "qwen2 with cache": ("Qwen2ForCausalLM", "Qwen2Config", dict(TEXT, num_key_value_heads=2), past(2, 8), Decodes),
    # encoder and decoder
    "t5": ("T5Model", "T5Config", dict(vocab_size=99, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, **NO_CACHE),
           lambda b, l: (ids(b, l), torch.ones(b, l, dtype=torch.long), ids(b, l - 1)), None),
    "bart": ("BartModel", "BartConfig", SEQUENCE, tokens, None),
    # vision
    "vit": ("ViTModel", "ViTConfig", VISION, image, None),
    "swin": ("SwinModel", "SwinConfig", dict(image_size=32, patch_size=4, embed_dim=16, depths=[1, 1],
             num_heads=[2, 2], window_size=4), image, None),
    "convnext": ("ConvNextModel", "ConvNextConfig", dict(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2), image, None),
    "resnet": ("ResNetModel", "ResNetConfig", dict(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1]), image, None),
    "segformer": ("SegformerModel", "SegformerConfig", dict(num_encoder_blocks=2, depths=[1, 1], hidden_sizes=[8, 16],
                  num_attention_heads=[1, 2], sr_ratios=[2, 1], patch_sizes=[3, 3], strides=[2, 2]), image, None),
    "clip": ("CLIPModel", "CLIPConfig", dict(text_config=TEXT, vision_config=VISION),
             lambda b, l: (ids(b, l), torch.rand(b, 3, 32, 32)), None),
    # audio
    "wav2vec2": ("Wav2Vec2Model", "Wav2Vec2Config", SPEECH, sound, None),
    "hubert": ("HubertModel", "HubertConfig", SPEECH, sound, None),
    "whisper": ("WhisperModel", "WhisperConfig", dict(SEQUENCE, max_source_positions=30, num_mel_bins=8, pad_token_id=0,
                bos_token_id=1, eos_token_id=2, decoder_start_token_id=1),
                lambda b, l: (torch.rand(b, 8, 60), ids(b, l)), Whisper),
}  # fmt: skip


def build(name: str) -> tuple[nn.Module, Inputs]:
    import transformers

    from tests.torchvision_operators import define_missing

    define_missing()  # torchvision imports only after this
    cls, config, settings, inputs, wrap = CASES[name]
    torch.manual_seed(0)
    model = getattr(transformers, cls)(getattr(transformers, config)(**settings)).eval()
    return (wrap(model) if wrap else model), inputs


def compare(name: str, host: Any = None) -> None:
    """Trace a model, save it, and compare everything that runs it with eager mode."""
    model, inputs = build(name)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torchscript.trace(model, inputs(*SIZES[0]), strict=False, check_trace=False)
        archive = traced.save_to_buffer()
        stock = torch.jit.load(io.BytesIO(archive))
        for batch, length in SIZES:
            example = inputs(batch, length)
            expected = tensors_in(from_fields(model(*example)))
            results = {"torchscript": traced(*example), "torch.jit": stock(*example)}
            if host is not None:
                results["C++"] = host.run(archive, example)
            for where, result in results.items():
                torch.testing.assert_close(
                    tensors_in(result), expected, rtol=1e-3, atol=1e-4, msg=lambda m: f"{where}: {m}"
                )


if __name__ == "__main__":
    sweep(__doc__, f"of {', '.join(CASES)}", lambda: CASES, compare)
