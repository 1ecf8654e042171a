"""BERT: a transformer's encoder that learns a language by filling in what is masked.

A model that predicts the next word may look one way only. BERT looks both ways: of a text it is
shown, 15% of the tokens are chosen, and it has to say what they were. Of those 80% are replaced by
a mask, 10% by a random token, and 10% stay (in the tasks to come there are no masks, so it must not
rely on them). Whoever can do that knows much of the language, and needs few labels to learn a task
(fine-tuning): the same weights, a new output on the state of the first token, and a little training
of everything.

The model is that of the paper under Hugging Face's names, so that weights published for theirs load
into `bert_base`.

Devlin, Chang, Lee and Toutanova, "BERT: Pre-training of deep bidirectional transformers for
language understanding", NAACL 2019; document 004 shows its table of results on GLUE, document 002
explains the transformer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import autograd as ag
import nn
from nn import functional as F


class Embeddings(nn.Module):
    """A token's vector is the sum of what it is, where it stands, and which text it is of."""

    def __init__(self, vocabulary: int, size: int, places: int, texts: int, dropout: float):
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, size, padding_idx=0)
        self.position_embeddings = nn.Embedding(places, size)
        self.token_type_embeddings = nn.Embedding(texts, size)
        self.LayerNorm = nn.LayerNorm(size, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input_ids, token_type_ids):
        length, places = input_ids.shape[1], self.position_embeddings.num_embeddings
        if length > places:
            raise ValueError(
                f"expected a text of at most {places} tokens, got {length}: the model has learned "
                "no further places; cut the text, or make a model with more "
                "max_position_embeddings"
            )
        total = (
            self.word_embeddings(input_ids)
            + self.position_embeddings.weight[:length]
            + self.token_type_embeddings(token_type_ids)
        )
        return self.dropout(self.LayerNorm(total))


class SelfAttention(nn.Module):
    """Each token asks (query) all others (key) and takes from them (value), in several heads."""

    def __init__(self, size: int, heads: int, dropout: float):
        super().__init__()
        if size % heads:
            raise ValueError(
                f"expected a hidden_size that num_attention_heads divides, got {size} and {heads}"
            )
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.value = nn.Linear(size, size)
        self.heads, self.dropout = heads, dropout

    def split(self, x):
        """(batch, time, size) -> (batch, heads, time, size / heads)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, visible):
        out = F.scaled_dot_product_attention(
            self.split(self.query(x)),
            self.split(self.key(x)),
            self.split(self.value(x)),
            attn_mask=visible,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return out.transpose(1, 2).flatten(2)


class AddAndNorm(nn.Module):
    """What closes both halves of a layer: LayerNorm(before + dropout(dense(x)))."""

    def __init__(self, inputs: int, size: int, dropout: float):
        super().__init__()
        self.dense = nn.Linear(inputs, size)
        self.LayerNorm = nn.LayerNorm(size, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, before):
        return self.LayerNorm(before + self.dropout(self.dense(x)))


class Dense(nn.Module):
    """A linear layer and an activation."""

    def __init__(self, inputs: int, outputs: int, activation):
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)
        self.activation = activation

    def forward(self, x):
        return self.activation(self.dense(x))


class Attention(nn.Module):
    """The first half of a layer: tokens look at one another."""

    def __init__(self, size: int, heads: int, dropout: float):
        super().__init__()
        self.self = SelfAttention(size, heads, dropout)
        self.output = AddAndNorm(size, size, dropout)

    def forward(self, x, visible):
        return self.output(self.self(x, visible), x)


class Layer(nn.Module):
    """Attention, then a small network for each token by itself."""

    def __init__(self, size: int, heads: int, inner: int, dropout: float):
        super().__init__()
        self.attention = Attention(size, heads, dropout)
        self.intermediate = Dense(size, inner, F.gelu)
        self.output = AddAndNorm(inner, size, dropout)

    def forward(self, x, visible):
        x = self.attention(x, visible)
        return self.output(self.intermediate(x), x)


class Encoder(nn.Module):
    """Layers, one on top of the other."""

    def __init__(self, layers: int, *options):
        super().__init__()
        self.layer = nn.ModuleList([Layer(*options) for _ in range(layers)])

    def forward(self, x, visible):
        for layer in self.layer:
            x = layer(x, visible)
        return x


class Bert(nn.Module):
    """The encoder: a state for every token, and one for the whole text.

    Parameters
    ----------
    vocab_size, hidden_size : int
        How many tokens there are (number 0 is padding), and the numbers in a state.
    num_hidden_layers, num_attention_heads, intermediate_size : int
    max_position_embeddings : int
        The longest text.
    type_vocab_size : int
        How many texts one input may consist of.
    dropout : float, default 0.1
        Of states and of attention weights.
    pooler : bool, default True
        Whether to make a state for the whole text, from that of its first token.

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.Bert(vocab_size=50, hidden_size=16, num_hidden_layers=2,
    ...                     num_attention_heads=2, intermediate_size=32)
    >>> states, pooled = model(ag.tensor([[1, 7, 9, 2], [1, 8, 2, 0]]))
    >>> states.shape, pooled.shape
    ((2, 4, 16), (2, 16))
    """

    def __init__(self, vocab_size: int = 30522, hidden_size: int = 768,
                 num_hidden_layers: int = 12, num_attention_heads: int = 12,
                 intermediate_size: int = 3072, max_position_embeddings: int = 512,
                 type_vocab_size: int = 2, dropout: float = 0.1, pooler: bool = True):  # fmt: skip
        super().__init__()
        self.size = hidden_size
        self.embeddings = Embeddings(
            vocab_size, hidden_size, max_position_embeddings, type_vocab_size, dropout
        )
        self.encoder = Encoder(
            num_hidden_layers, hidden_size, num_attention_heads, intermediate_size, dropout
        )
        self.pooler = Dense(hidden_size, hidden_size, F.tanh) if pooler else None
        self.apply(begin)

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        """Return states (batch, time, hidden_size), and (batch, hidden_size) or None.

        Parameters
        ----------
        input_ids : int64 Tensor of shape (batch, time)
        attention_mask : Tensor of the same shape, optional
            0 or False for tokens that nobody may see; those with number 0 unless given.
        token_type_ids : int64 Tensor of the same shape, optional
            Which text a token is of; all of the first (0) unless given.
        """
        if attention_mask is None:
            attention_mask = input_ids
        if token_type_ids is None:
            token_type_ids = ag.zeros_like(input_ids)
        visible = (attention_mask != 0)[:, None, None]
        states = self.encoder(self.embeddings(input_ids, token_type_ids), visible)
        return states, None if self.pooler is None else self.pooler(states[:, 0])


def begin(module: nn.Module) -> None:
    """The paper's initial weights: normal with deviation 0.02, biases 0."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        with ag.no_grad():
            module.weight[module.padding_idx] = 0


class Predictions(nn.Module):
    """Scores of all tokens, from a state: a dense layer, and a product with their embeddings."""

    def __init__(self, vocabulary: nn.Embedding):
        super().__init__()
        count, size = vocabulary.weight.shape
        self.transform = Dense(size, size, F.gelu)
        self.transform.LayerNorm = nn.LayerNorm(size, eps=1e-12)
        self.decoder = nn.Linear(size, count)
        self.apply(begin)
        self.decoder.weight = vocabulary.weight
        self.bias = self.decoder.bias

    def forward(self, states):
        return self.decoder(self.transform.LayerNorm(self.transform(states)))


class BertForMaskedLM(nn.Module):
    """BERT that says what stood behind a mask: scores of (batch, time, vocab_size).

    The parameters are those of `Bert`.

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.BertForMaskedLM(vocab_size=50, hidden_size=16, num_hidden_layers=2,
    ...                                num_attention_heads=2, intermediate_size=32)
    >>> model(ag.tensor([[1, 7, 3, 2]])).shape
    (1, 4, 50)
    """

    def __init__(self, **sizes):
        super().__init__()
        self.bert = Bert(**{"pooler": False, **sizes})
        self.cls = nn.Module()
        self.cls.predictions = Predictions(self.bert.embeddings.word_embeddings)

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        return self.cls.predictions(self.bert(input_ids, attention_mask, token_type_ids)[0])

    def load_state_dict(self, state_dict: Mapping[str, Any], strict=True, assign=False):
        """As `Module.load_state_dict`; the names may also be those of the first published files."""
        keys = super().load_state_dict(named_as_here(state_dict), strict, assign)
        predictions = self.cls.predictions  # `assign` took a tensor for each name
        predictions.decoder.weight = self.bert.embeddings.word_embeddings.weight
        predictions.decoder.bias = predictions.bias
        return keys

    def loss(self, input_ids, targets, chosen):
        """The mean cross entropy, in nats, of what stood at the chosen places, and only there.

        All three are of shape (batch, time); `chosen` is of bools. See
        `models.bert_pydoc.mask`.
        """
        states = self.bert(input_ids)[0][chosen]
        return F.cross_entropy(self.cls.predictions(states), targets[chosen])


class BertForPreTraining(BertForMaskedLM):
    """BERT with both outputs it was published with; the second tells whether two texts belong.

    Returns scores of (batch, time, vocab_size), and (batch, 2): for the second text following the
    first (number 0), and for its being from somewhere else (1). The parameters are those of `Bert`.

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.BertForPreTraining(vocab_size=50, hidden_size=16, num_hidden_layers=2,
    ...                                   num_attention_heads=2, intermediate_size=32)
    >>> tokens, texts = ag.tensor([[1, 7, 2, 8, 2]]), ag.tensor([[0, 0, 0, 1, 1]])
    >>> words, following = model(tokens, token_type_ids=texts)
    >>> words.shape, following.shape
    ((1, 5, 50), (1, 2))
    """

    def __init__(self, **sizes):
        super().__init__(**sizes, pooler=True)
        self.cls.seq_relationship = nn.Linear(self.bert.size, 2)
        begin(self.cls.seq_relationship)

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        states, pooled = self.bert(input_ids, attention_mask, token_type_ids)
        return self.cls.predictions(states), self.cls.seq_relationship(pooled)


class BertForSequenceClassification(nn.Module):
    """BERT that sorts texts: scores of (batch, num_labels), from the state of the whole text.

    Parameters
    ----------
    num_labels : int
    sizes
        The parameters of `Bert`.

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.BertForSequenceClassification(8, vocab_size=50, hidden_size=16,
    ...     num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    >>> model(ag.tensor([[1, 7, 9, 2], [1, 8, 2, 0]])).shape
    (2, 8)
    """

    def __init__(self, num_labels: int, **sizes):
        super().__init__()
        self.bert = Bert(**sizes)
        self.dropout = nn.Dropout(sizes.get("dropout", 0.1))
        self.classifier = nn.Linear(self.bert.size, num_labels)
        begin(self.classifier)

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        _, pooled = self.bert(input_ids, attention_mask, token_type_ids)
        return self.classifier(self.dropout(pooled))


def bert_base(**sizes) -> BertForPreTraining:
    """The paper's BERT-base: 12 layers of 768, 110,106,428 parameters, for 30,522 pieces of words.

    Weights published as ``bert-base-uncased`` (Hugging Face's ``pytorch_model.bin`` or
    ``model.safetensors``) load into it with `models.load_weights`, as do later files of the same
    structure; `sizes` are those parameters of `Bert` that differ. There is no tokenizer for them
    here: the numbers of the tokens must come from elsewhere. Files of the encoder alone, whose
    names do not begin with ``bert.``, load into its `bert`.

    Examples
    --------
    >>> import models
    >>> model = models.bert_base(num_hidden_layers=1, vocab_size=100)
    >>> model.bert.encoder.layer[0].attention.self.query.weight.shape
    (768, 768)
    """
    return BertForPreTraining(**sizes)


SHARED = {
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
}  # one parameter under two names


def named_as_here(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Weights of a published BERT under the names they have in `BertForPreTraining`.

    Files that were once TensorFlow's say ``LayerNorm.gamma`` and ``LayerNorm.beta``; some hold the
    numbers of the places, and some leave out a name of weights that two layers share.

    Raises
    ------
    ValueError
        If what two layers share here differs in `weights`.

    Examples
    --------
    >>> from models.bert import named_as_here
    >>> list(named_as_here({"bert.embeddings.LayerNorm.gamma": 1, "cls.predictions.bias": 2}))
    ['bert.embeddings.LayerNorm.weight', 'cls.predictions.bias', 'cls.predictions.decoder.bias']
    """
    here = {
        name.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
            "LayerNorm.beta", "LayerNorm.bias"
        ): value
        for name, value in weights.items()
        if name != "bert.embeddings.position_ids"
    }
    for other, name in SHARED.items():
        if name in here and not np.array_equal(here.setdefault(other, here[name]), here[name]):
            raise ValueError(
                f"{other} differs from {name}: this model has one parameter for both, and cannot "
                "hold what was trained with two"
            )
    return here
