"""Lesson 17: Transformer Blocks

Put a few people into a room and let everyone, round after round, replace what they think by an
average of what they hear. Soon they all think the same, and nobody has had an idea of their own.
The same happens to tokens if you stack attention on attention. A transformer block puts three
simple parts around it. With them, you can stack dozens.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
"""

import itertools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._common.figures import curves

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED = 0  # of everything random below; try others
D_MODEL, NUM_HEADS, D_FF, DROPOUT = 32, 4, 128, 0.1  # d_ff is four times d_model, as is usual

# Letters in shapes: B batch, H heads, L queries, S keys, d_model features per token, d_k per head


def averages_of_averages() -> None:
    section("Averages of averages")
    # Three people guess a number. In each round, everyone takes a weighted average of all guesses,
    # their own included: one row of weights per person, as in attention.
    weights = torch.tensor([[0.5, 0.3, 0.2], [0.3, 0.4, 0.3], [0.2, 0.3, 0.5]])
    replaced = added = torch.tensor([1.0, 5.0, 9.0])
    print("round    replaced by the average            average added")
    for number in range(6):
        print(f"{number:>5}" + "".join(f"{guess:>9.2f}" for guess in (*replaced, *added)))
        replaced, added = weights @ replaced, added + weights @ added
    # Replaced, all guesses become one. Added to what each had before, they stay apart, but double.


def a_conclusion_is_not_an_average() -> None:
    section("A conclusion is not an average: the feed-forward network")
    # Say attention has brought two facts to a token: is there a "not", and is the adjective a good
    # one? It's praise if exactly one of the two is true. Can a weighted sum of the facts tell?
    phrases = ("very good", "very bad", "not good", "not bad")
    praise = torch.tensor([[1.0], [0.0], [0.0], [1.0]])
    facts = torch.tensor([[0.0, 1, 1], [0, 0, 1], [1, 1, 1], [1, 0, 1]])  # not? good? a constant
    best_sum = facts @ torch.linalg.lstsq(facts, praise).solution  # as in lesson 06

    # Two layers with a ReLU in between can. Inner feature 0 counts the facts. Feature 1 stays at 0
    # until there are two of them, and then cancels both.
    W_1, W_2 = torch.tensor([[1.0, 1], [1, 1], [0, -1]]), torch.tensor([[1.0], [-2]])  # by hand
    inner = (facts @ W_1).relu()
    answers = torch.cat([praise, best_sum, inner @ W_2], dim=1)
    print("           praise?  best weighted sum  network")
    for phrase, row in zip(phrases, answers.tolist(), strict=True):
        print("{:<10}{:>8.1f}{:>19.1f}{:>9.1f}".format(phrase, *row))


class MultiHeadAttention(nn.Module):
    """Lesson 16's class in its short form. Q: (B, L, d_model), K and V: (B, S, d_model)."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        if num_heads < 1 or d_model % num_heads:
            raise ValueError(f"{d_model} features cannot be split into {num_heads} equal heads")
        self.num_heads = num_heads
        self.W_q, self.W_k, self.W_v, self.W_o = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        projected = (self.W_q(Q), self.W_k(K), self.W_v(V))
        q, k, v = (x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for x in projected)
        allowed = None if mask is None else mask != 0  # True or 1 where a query may look
        heads = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)  # (B, H, L, d_k)
        return self.W_o(heads.transpose(1, 2).flatten(-2))  # (B, L, d_model)


class TransformerEncoderBlock(nn.Module):
    """Attention, then a feed-forward network, each with a residual connection and a norm.

    x: (B, L, d_model), in and out. mask: broadcasts to (B, H, L, L), True where a query may look.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.1.
    """

    def __init__(self, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.norm1 = nn.LayerNorm(d_model)
        self.ff = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        attn_out = self.attention(x, x, x, mask)  # 1. the tokens exchange what they know,
        x = self.norm1(x + self.dropout(attn_out))  # 2. which is added, and normalized;
        ff_out = self.ff(x)  # 3. each token draws its own conclusions,
        return self.norm2(x + self.dropout(ff_out))  # 4. which are added, and normalized.


def the_block() -> None:
    section("The block")

    # Shape in is shape out. That is what makes a block something to stack.
    block, x = TransformerEncoderBlock(D_MODEL, NUM_HEADS, D_FF), torch.randn(2, 5, D_MODEL)
    print(f"{block(x).shape == x.shape = }, {block.ff[0](x).shape = }")
    for name, part in block.named_children():
        print(f"{name:<9} {sum(each.numel() for each in part.parameters()):>6,} parameters")

    # The feed-forward network sees one token at a time: change the last one, and no other moves.
    changed = torch.cat([x[:, :-1], x[:, -1:] + 1], dim=1)
    print(f"{torch.allclose(block.ff(changed)[:, :-1], block.ff(x)[:, :-1]) = }")

    # Dropout sets features to 0 at random and scales up the rest, so that nothing in the network
    # can rely on a single feature. It does so in training only; eval() turns it off.
    print(f"{nn.Dropout(0.5)(torch.ones(10)) = }")
    print(f"training:   {torch.equal(block(x), block(x)) = }")
    block.eval()
    print(f"evaluation: {torch.equal(block(x), block(x)) = }")


class PreNormBlock(TransformerEncoderBlock):
    """The same parts in another order. On its path, x meets only additions."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        normed = self.norm1(x)
        x = x + self.dropout(self.attention(normed, normed, normed, mask))
        return x + self.dropout(self.ff(self.norm2(x)))


def load_attention(ours: MultiHeadAttention, theirs: nn.MultiheadAttention) -> None:
    """Copy PyTorch's weights into our layer. Theirs keeps three of ours in one tensor."""
    weights, biases = theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3)
    for layer, weight, bias in zip((ours.W_q, ours.W_k, ours.W_v), weights, biases, strict=True):
        layer.load_state_dict({"weight": weight, "bias": bias})
    ours.W_o.load_state_dict(theirs.out_proj.state_dict())


def the_same_as_pytorch() -> None:
    section("The same as nn.TransformerEncoderLayer")

    # Our mask says where a query may look, PyTorch's two masks say where it may not.
    x, causal = torch.randn(2, 6, D_MODEL), torch.ones(6, 6, dtype=torch.bool).tril()
    real = torch.arange(6) < torch.tensor([6, 4])[:, None]  # (B, L): the second has four tokens
    mask = causal & real[:, None, None, :]  # (B, 1, L, L)
    for kind, norm_first in ((PreNormBlock, True), (TransformerEncoderBlock, False)):
        sizes = (D_MODEL, NUM_HEADS, D_FF, DROPOUT)
        theirs = nn.TransformerEncoderLayer(*sizes, batch_first=True, norm_first=norm_first).eval()
        ours = kind(*sizes).eval()
        load_attention(ours.attention, theirs.self_attn)
        ours.ff[0], ours.ff[2] = theirs.linear1, theirs.linear2  # these need no copy: both use them
        ours.norm1, ours.norm2 = theirs.norm1, theirs.norm2
        output = theirs(x, src_mask=~causal, src_key_padding_mask=~real)
        print(f"{norm_first = !s:<5}  {torch.allclose(ours(x, mask), output, atol=1e-5) = }")

    # In training, PyTorch's layer drops out in two more places. Switch both off, give both layers
    # the same random numbers, and they agree. (Several sequences would draw in another order.)
    def same_output() -> bool:
        torch.manual_seed(SEED)
        output = ours.train()(x[:1])
        torch.manual_seed(SEED)
        return torch.allclose(output, theirs.train()(x[:1]), atol=1e-5)

    print(f"in training:          {same_output() = }")
    theirs.self_attn.dropout = 0.0  # of attention weights
    theirs.dropout.p = 0.0  # inside the feed-forward network
    print(f"without the two more: {same_output() = }")


# What is each part for? Leave it out and see. These blocks differ in their forward() only.
class NoResidualBlock(TransformerEncoderBlock):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.norm1(self.dropout(self.attention(x, x, x, mask)))
        return self.norm2(self.dropout(self.ff(x)))


class NoNormBlock(TransformerEncoderBlock):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.dropout(self.attention(x, x, x, mask))
        return x + self.dropout(self.ff(x))


class NeitherBlock(TransformerEncoderBlock):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.dropout(self.ff(self.dropout(self.attention(x, x, x, mask))))


class NoAttentionBlock(TransformerEncoderBlock):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.norm2(x + self.dropout(self.ff(self.norm1(x))))


# What the rest of the lesson compares. Add your own: a class that takes the same four numbers as
# TransformerEncoderBlock, and (B, L, d_model) to (B, L, d_model).
BLOCKS = {
    "post-norm": TransformerEncoderBlock,
    "pre-norm": PreNormBlock,
    "no residual": NoResidualBlock,
    "no norm": NoNormBlock,
    "neither": NeitherBlock,
    "no attention": NoAttentionBlock,
}
DEPTH = 64  # blocks in a stack that isn't trained


def new_stack(kind: type[nn.Module], number: int) -> nn.Sequential:
    """Blocks of one kind, with the starting weights of PyTorch's layers, and a norm at the end."""
    stack = nn.Sequential(*(kind(D_MODEL, NUM_HEADS, D_FF, DROPOUT) for _ in range(number)))
    for part in stack.modules():
        if isinstance(part, MultiHeadAttention):  # all other parts start the same way in both
            load_attention(part, nn.MultiheadAttention(D_MODEL, part.num_heads))
    return stack.append(nn.LayerNorm(D_MODEL))  # pre-norm needs it, and others don't mind


def what_each_part_prevents() -> None:
    section("What each part prevents")
    # One pass forward and one back through a deep stack, before its first training step: how large
    # are the features, how alike the tokens, and what becomes of the gradient on its way down?
    series = {"size of the features": {}, "cosine between tokens": {}, "gradient": {}}
    print(f"{f'{DEPTH} blocks':<12}   size at end   cosine after 2   at end   gradient bottom/top")
    for name, kind in BLOCKS.items():
        torch.manual_seed(SEED)
        *blocks, norm = new_stack(kind, DEPTH).eval()  # eval: without dropout
        states = [torch.randn(8, 12, D_MODEL, requires_grad=True)]  # 8 sequences of 12 tokens
        for block in blocks:
            states.append(block(states[-1]))  # what the tokens hold after each block
        loss = (norm(states[-1]) * torch.randn_like(states[-1])).sum()  # any loss will do
        gradients = [each.norm() for each in torch.autograd.grad(loss, states)]
        units = [F.normalize(state.detach(), dim=-1) for state in states]
        cosines = [(unit @ unit.mT).mean().item() for unit in units]  # 1 if all tokens agree
        sizes = [state.square().mean().sqrt().item() for state in states]  # root mean square
        for lines, values in zip(series.values(), (sizes, cosines, gradients), strict=True):
            lines[name] = values
        row = (name, sizes[-1], cosines[min(2, DEPTH)], cosines[-1], gradients[0] / gradients[-1])
        print("{:<12}{:>14.1f}{:>17.2f}{:>9.2f}{:>22.1e}".format(*row))
    draw("depth", series, range(DEPTH + 1), "after block")


REVIEWS = {  # praise (1) or blame (0)? Four reviews, made of the same words
    "{noun} very {good} and {other} not {bad} .": 1,
    "{noun} not {bad} and {other} very {good} .": 1,
    "{noun} very {bad} and {other} not {good} .": 0,
    "{noun} not {good} and {other} very {bad} .": 0,
}
NOUNS = ("plot", "cast", "music", "story", "ending")  # one word each, like the next ones
PRAISE, BLAME = ("good", "great", "clever", "funny"), ("bad", "dull", "clumsy", "boring")
BATCH, TESTED = 8, 40  # groups of four reviews; those for testing (at most half) aren't trained on
NUM_BLOCKS, STEPS, RATE = 6, 120, 0.001


def draw_groups() -> list[list[str]]:
    """All groups of four reviews, shuffled."""
    groups = [
        [review.format(noun=noun, other=other, good=good, bad=bad) for review in REVIEWS]
        for noun, other in itertools.permutations(NOUNS, 2)
        for good, bad in itertools.product(PRAISE, BLAME)
    ]
    generator = torch.Generator().manual_seed(SEED)
    return [groups[number] for number in torch.randperm(len(groups), generator=generator)]


class ReviewClassifier(nn.Module):
    """Tokens (B, L) to logits (B, 2). The answer is read at the last token, the full stop."""

    def __init__(self, kind: type[nn.Module], vocabulary: int, length: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, D_MODEL)
        # Attention by itself knows no order, so each position has a vector of its own (lesson 18).
        self.positions = nn.Embedding(length, D_MODEL)
        self.stack = new_stack(kind, NUM_BLOCKS)
        self.head = nn.Linear(D_MODEL, 2)  # logits for blame and praise

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.positions.weight  # (B, L, d_model)
        return self.head(self.stack(x)[:, -1])


def train(kind: type[nn.Module], tokens: Tensor, looks: list[int]) -> list[float]:
    """Train a stack of one kind; its accuracy on unseen reviews after the steps in `looks`."""
    torch.manual_seed(SEED)
    model = ReviewClassifier(kind, int(tokens.max()) + 1, tokens.size(-1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, fused=True)  # fused: faster
    generator, history = torch.Generator().manual_seed(SEED), []  # the same batches for all kinds
    labels, tested = torch.tensor(list(REVIEWS.values())), min(TESTED, len(tokens) // 2)
    for step in range(STEPS + 1):
        if step in looks:
            model.eval()  # no dropout
            with torch.inference_mode():
                right = model(tokens[:tested].flatten(0, 1)).argmax(dim=1) == labels.repeat(tested)
            history.append(right.float().mean().item())
        model.train()
        groups = torch.randint(tested, len(tokens), (BATCH,), generator=generator)
        loss = F.cross_entropy(model(tokens[groups].flatten(0, 1)), labels.repeat(BATCH))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return history


def a_stack_at_work() -> None:
    section("A stack at work: not bad")
    groups = draw_groups()
    for review, label in zip(groups[0], REVIEWS.values(), strict=True):
        print(f"{('blame', 'praise')[label]:<6}  {review}")

    # A bag of words has one answer for all four. So have blocks without attention: the full stop
    # never hears of the other words. That's 50%, whatever they learn.
    words = sorted({word for group in groups for review in group for word in review.split()})
    tokens = [[[words.index(word) for word in text.split()] for text in group] for group in groups]
    tokens = torch.tensor(tokens)  # (groups, 4, L)
    looks = sorted({STEPS * part // 12 for part in range(13)})
    print(f"{'after step':<12}" + "".join(f"{step:>8}" for step in looks[::2]))
    histories = {}
    for name, kind in BLOCKS.items():
        histories[name] = train(kind, tokens, looks)
        print(f"{name:<12}" + "".join(f"{right:>8.1%}" for right in histories[name][::2]))
    draw("learning", {"accuracy on unseen reviews": histories}, looks, "after step")


def draw(name: str, panels: dict[str, dict[str, list]], x, xlabel: str) -> None:
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(4 + 2.4 * len(panels), 4), layout="constrained")
    for number, (title, lines) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), number)
        # A log scale has no place for 0 and infinity. They are drawn at its ends.
        lines = {kind: torch.tensor(line).nan_to_num().clamp(1e-9) for kind, line in lines.items()}
        curves(axes, lines, x, title=title, xlabel=xlabel)
        if title in ("size of the features", "gradient"):
            axes.set_yscale("log")
            axes.get_legend().remove()  # one is enough
    save_figure(figure, name)


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


class EncoderBlock(nn.Module):
    """Problem 1 (medium, 20 minutes). Implement a full transformer encoder block, in both orders.

    Post-norm, or with norm_first=True pre-norm, from these parts: attention (MultiHeadAttention
    from above), norm1, norm2, ff (an nn.Sequential) and dropout (an nn.Dropout, for what both
    sublayers return). The blocks above are off limits. Two things are different: ff has nn.GELU,
    the smooth relative of ReLU that BERT and GPT use, and right after it, as in PyTorch, an nn.Dropout
    of its own. Both dropouts have the rate `dropout`. x: (B, L, d_model), in and out.
    """

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False) -> None:
        super().__init__()
        raise NotImplementedError

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, L, d_model), in and out."""


def compare_norm_placement(blocks, x: Tensor, direction: Tensor) -> tuple[list, list]:
    """Problem 2 (medium, 20 minutes). Compare post-norm and pre-norm by their gradients.

    blocks: N blocks with the parts attention, norm1, ff and norm2. Call the parts, not the blocks.
    Send x, (B, L, d_model), through all N twice, without dropout and mask: once as post-norm, once
    as pre-norm, here without a norm at the end. Each time, the loss is (output * direction).sum().
    Return two lists of N floats, post-norm first: entry n is the norm of the loss's gradient with
    respect to all parameters of blocks[n], taken together as one long vector. Leave the blocks as
    you found them: afterwards, .grad of every parameter is None.
    """
    raise NotImplementedError


def train_a_stack(new_block, num_blocks: int, batches: list[tuple[Tensor, Tensor]]) -> nn.Module:
    """Problem 3 (medium, 20 minutes). Stack blocks and train them on a classification task.

    In a batch (x, labels), x is (B, L, d_model). Token 0 asks for one of the things that follow in
    any order: what color is the apple, say? A thing is a vector for what it is plus another for its
    color. labels, (B,): the color of the thing asked for, 0 or 1. Half of the things have color 1,
    so nothing beats guessing without attention. new_block() returns a new post-norm block. Build a
    model of num_blocks of them and an nn.Linear that maps what comes out at token 0 to logits,
    (B, 2). Train it with torch.optim.AdamW(lr=0.003) and cross-entropy, one step per batch in order.
    """
    raise NotImplementedError


def main() -> None:
    torch.set_num_threads(1)  # small tensors: a second core costs more in waiting than it saves
    if not lesson_arguments(__file__).practice:
        torch.manual_seed(SEED)
        averages_of_averages()
        a_conclusion_is_not_an_average()
        the_block()
        the_same_as_pytorch()
        what_each_part_prevents()
        a_stack_at_work()
    report_practice(__file__)


if __name__ == "__main__":
    main()
