"""Lesson 17: Transformer Blocks

    x = LayerNorm(x + MultiHeadAttention(x, x, x))
    x = LayerNorm(x + FeedForward(x))

These two lines are a transformer encoder block: attention lets the positions exchange what they
know, a small network then works on each position alone. Both only add to what is there, and a
norm keeps the sum in bounds. As shape in is shape out, blocks can be stacked.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

# Shapes are written in comments with these letters throughout the lesson:
#   B batch   H heads   L query positions   S key positions   N blocks in a stack
#   d_model features of a position   d_ff features inside the feed-forward network

# The reviews of sections 7 and 8 are built from these words, by a rule that section 7 shows.
NOUNS = ("plot", "cast", "music", "story", "ending")
PRAISE = ("good", "great", "clever", "funny")
BLAME = ("bad", "dull", "clumsy", "boring")
EMPHASIS = ("really", "very")
OPENINGS = ((), ("well",), ("i", "think"))
LINKS = ("and", "but", "while")
OTHERS = ("well", "i", "think", "the", "was", "not")
VOCABULARY = ("<pad>", *OTHERS, *NOUNS, *PRAISE, *BLAME, *EMPHASIS, *LINKS)
NUMBER_OF = {word: number for number, word in enumerate(VOCABULARY)}
LONGEST = 13  # words in a review
D_MODEL, NUM_HEADS, D_FF, STEPS, BATCH_SIZE = 32, 4, 128, 300, 64


class MultiHeadAttention(nn.Module):
    """Lesson 16's class in its short form: (B, L, d_model) to (B, L, d_model)."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        if num_heads < 1 or d_model % num_heads != 0:
            raise ValueError(f"{d_model} features cannot be cut into {num_heads} equal heads")
        self.num_heads, self.d_k = num_heads, d_model // num_heads
        self.W_q, self.W_k = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.W_v, self.W_o = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)

    def split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, self.d_k)).transpose(1, 2)  # (B, H, L, d_k)

    def attention_weights(self, Q: Tensor, K: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k = self.split_heads(self.W_q(Q)), self.split_heads(self.W_k(K))
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.d_k)  # (B, H, L, S)
        if mask is None:
            return scores.softmax(dim=-1)
        scores = scores.masked_fill(mask == 0, torch.finfo(scores.dtype).min)
        return scores.softmax(dim=-1).masked_fill(mask == 0, 0.0)

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        heads = self.attention_weights(Q, K, mask) @ self.split_heads(self.W_v(V))
        return self.W_o(heads.transpose(1, 2).flatten(-2))  # (B, L, d_model)


class TransformerEncoderBlock(nn.Module):
    """Attention and a feed-forward network, each followed by add and norm (post-norm).

    x: (B, L, d_model) in and out. mask: broadcastable to (B, H, L, L), True or 1 where a
    position may look. Raises ValueError if num_heads does not divide d_model.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.1.
    """

    def __init__(self, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.norm1 = nn.LayerNorm(d_model)
        self.ff = nn.Sequential(
            nn.Linear(d_model, d_ff),  # expand
            nn.ReLU(),
            nn.Linear(d_ff, d_model),  # contract
        )
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        # Self-attention with residual: x is query, key and value, and x is added back.
        attn_out = self.attention(x, x, x, mask)
        x = self.norm1(x + self.dropout(attn_out))
        # Feed-forward with residual.
        ff_out = self.ff(x)
        return self.norm2(x + self.dropout(ff_out))


class PreNormBlock(TransformerEncoderBlock):
    """The same parts, but each norm stands before its branch and no longer on the way of x.

    Source: Xiong et al., "On Layer Normalization in the Transformer Architecture" (2020).
    """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        normed = self.norm1(x)
        x = x + self.dropout(self.attention(normed, normed, normed, mask))
        return x + self.dropout(self.ff(self.norm2(x)))


class NoAttentionBlock(TransformerEncoderBlock):
    """For comparison: a block in which no position sees another."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.norm2(x + self.dropout(self.ff(self.norm1(x))))


class NoResidualBlock(TransformerEncoderBlock):
    """For comparison: a block that replaces x instead of adding to it."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.norm1(self.dropout(self.attention(x, x, x, mask)))
        return self.norm2(self.dropout(self.ff(x)))


class BareBlock(TransformerEncoderBlock):
    """For comparison: a block with neither residuals nor norms."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.dropout(self.ff(self.dropout(self.attention(x, x, x, mask))))


class TransformerEncoder(nn.Module):
    """Blocks one after the other: (B, L, d_model) in and out. After pre-norm blocks goes a norm."""

    def __init__(self, blocks: list[nn.Module], norm: nn.Module | None = None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)  # a plain list would hide the parameters
        self.norm = norm

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x, mask)
        return x if self.norm is None else self.norm(x)


class ReviewClassifier(nn.Module):
    """Word numbers (B, L), 0 for padding, to logits (B, 2): blame or praise."""

    def __init__(self, blocks: list[nn.Module], norm: nn.Module | None = None) -> None:
        super().__init__()
        self.words = nn.Embedding(len(VOCABULARY), D_MODEL)
        # A learned vector for each place in the sentence, because attention itself does not see
        # the order of its inputs. Why, and what else there is, fills lesson 18.
        self.places = nn.Embedding(LONGEST, D_MODEL)
        self.encoder = TransformerEncoder(blocks, norm)
        self.head = nn.Linear(D_MODEL, 2)

    def forward(self, words: Tensor) -> Tensor:
        real = words != 0  # (B, L)
        x = self.words(words) + self.places.weight[: words.size(1)]  # (B, L, d_model)
        x = self.encoder(x, real[:, None, None, :])  # the mask broadcasts to (B, H, L, S)
        # One vector for the sentence: the mean over its words, padding left out.
        mean = (x * real[:, :, None]).sum(dim=1) / real.sum(dim=1, keepdim=True)
        return self.head(mean)


def feed_forward_network() -> None:
    section("The feed-forward network: each position on its own")

    # Attention mixes positions, but what it mixes are averages of linear maps. The feed-forward
    # network adds the nonlinear step: expand to d_ff features, ReLU, contract again.
    d_model, d_ff = 4, 16  # d_ff = 4 * d_model, as in most transformers
    words = ["not", "dull"]
    x = torch.randn(len(words), d_model)
    ff = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))

    # By hand, one word after the other. Each inner feature is a question to the vector, and
    # ReLU lets a "no" count as 0; the second layer adds up what each "yes" contributes.
    by_hand = torch.zeros(len(words), d_model)
    for row, word in enumerate(words):
        inner = (ff[0].weight @ x[row] + ff[0].bias).clamp(min=0)  # (d_ff,)
        by_hand[row] = ff[2].weight @ inner + ff[2].bias  # (d_model,)
        print(f"{word:<5} {x[row].shape = }, {inner.shape = }, {by_hand[row].shape = }")
    torch.testing.assert_close(ff(x), by_hand)

    # Any dimensions may stand in front: the same weights serve every position of every sequence.
    print(f"{ff(torch.randn(2, 5, d_model)).shape = }")

    # "Position-wise": change one word, and no other output moves.
    other = x.clone()
    other[1] += 1
    torch.testing.assert_close(ff(other)[0], ff(x)[0])
    assert not torch.allclose(ff(other)[1], ff(x)[1])
    print("A change of 'dull' leaves the output at 'not' alone: yes")


def add_and_norm() -> None:
    section("Add and norm")

    # A residual connection adds a branch to its own input: y = x + f(x). LayerNorm (lesson 13)
    # then brings each position back to mean 0 and variance 1.
    words = ["not", "dull"]
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0], [4.0, 0.0, 0.0, 0.0]])
    branch = torch.tensor([[0.0, 0.0, 0.0, 2.0], [0.0, 1.0, 0.0, 1.0]])  # what f(x) adds
    normed = nn.LayerNorm(4)(x + branch)
    for row, word in enumerate(words):
        summed, numbers = (x + branch)[row].tolist(), normed[row].tolist()
        print(f"{word:<5} x + f(x) = {summed}   normed: " + " ".join(f"{n:5.2f}" for n in numbers))
    torch.testing.assert_close(normed.mean(dim=1), torch.zeros(2), atol=1e-5, rtol=0)

    # Why add? The derivative of x + f(x) is 1 + f'(x). Thirty layers, each f(x) = 0.1 x:
    for residual in (False, True):
        start = torch.tensor(1.0, requires_grad=True)
        x = start
        for _ in range(30):
            x = x + 0.1 * x if residual else 0.1 * x
        x.backward()
        print(f"{residual = !s:<5}  gradient after 30 layers: {start.grad.item():.1e}")
        expected = torch.tensor(1.1**30 if residual else 0.1**30)
        torch.testing.assert_close(start.grad, expected, rtol=1e-4, atol=0)

    # Without the 1, thirty small factors leave nothing. With it they leave a gradient that
    # can grow; keeping the sums in bounds is what the norms are for.


def a_block_step_by_step() -> None:
    section("A block, step by step")

    B, L, d_model, num_heads, d_ff = 2, 5, 8, 2, 32
    block = TransformerEncoderBlock(d_model, num_heads, d_ff).eval()  # eval: no dropout
    x = torch.randn(B, L, d_model)
    print(f"{x.shape = }")

    attn_out = block.attention(x, x, x)  # each position has gathered from all
    print(f"{attn_out.shape = }")
    h = block.norm1(x + attn_out)  # add & norm
    print(f"{h.shape = }")
    print(f"{block.ff[0](h).shape = }   expanded to d_ff")
    ff_out = block.ff(h)  # each position has worked on what it gathered
    print(f"{ff_out.shape = }   contracted")
    y = block.norm2(h + ff_out)  # add & norm
    print(f"{y.shape = }")
    torch.testing.assert_close(block(x), y)

    # What the parameters go into. Two thirds of a block are its feed-forward network.
    counts = {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in block.named_children()
    }
    print(f"{counts = }")
    assert sum(counts.values()) == 12 * d_model**2 + 13 * d_model

    # In training, dropout (rate 0.1) sets a tenth of each branch's features to 0 at random and
    # scales up the rest. It never touches x itself, so nothing already known is lost.
    assert torch.equal(block(x), block(x))
    block.train()
    assert not torch.equal(block(x), block(x))
    print("In evaluation mode two passes agree, in training mode they differ: yes")


def before_or_after() -> None:
    section("Post-norm and pre-norm")

    # Post-norm, the paper's order: norm(x + f(x)). Every norm stands on the way of x.
    # Pre-norm: x + f(norm(x)). From first to last block x is only ever added to.
    post = TransformerEncoderBlock(8, 2, 32).eval()
    pre = PreNormBlock(8, 2, 32).eval()
    pre.load_state_dict(post.state_dict())  # the same weights under the same names
    x = 3 * torch.randn(2, 5, 8)

    # By hand, as in the section before.
    n = pre.norm1(x)
    h = x + pre.attention(n, n, n)
    torch.testing.assert_close(pre(x), h + pre.ff(pre.norm2(h)))

    # What comes out: post-norm has variance 1 at each position, pre-norm has what has piled up.
    for name, block in (("post-norm", post), ("pre-norm", pre)):
        deep = x
        for _ in range(12):
            deep = block(deep)
        print(f"{name:<9} std in {x.std():.2f}, out of 1: {block(x).std():.2f}", end=", ")
        print(f"out of 12: {deep.std():.2f}")

    # Switch both branches off. Pre-norm passes x on untouched: the way of x is free of layers.
    for block in (post, pre):
        for layer in (block.attention.W_o, block.ff[2]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    assert torch.equal(pre(x), x) and not torch.allclose(post(x), x, atol=0.1)
    print("With both branches off, pre-norm passes x on untouched: yes; post-norm: no")


def copy_weights(block: TransformerEncoderBlock, layer: nn.TransformerEncoderLayer) -> None:
    """Give PyTorch's layer the weights of ours, which have other names there."""
    a = block.attention
    weights = {
        "self_attn.in_proj_weight": torch.cat([a.W_q.weight, a.W_k.weight, a.W_v.weight]),
        "self_attn.in_proj_bias": torch.cat([a.W_q.bias, a.W_k.bias, a.W_v.bias]),
    }
    for theirs, ours in (
        ("self_attn.out_proj", a.W_o),
        ("linear1", block.ff[0]),
        ("linear2", block.ff[2]),
        ("norm1", block.norm1),
        ("norm2", block.norm2),
    ):
        weights |= {f"{theirs}.weight": ours.weight, f"{theirs}.bias": ours.bias}
    layer.load_state_dict(weights)


def the_same_as_pytorch() -> None:
    section("The same as nn.TransformerEncoderLayer and nn.TransformerEncoder")

    d_model, num_heads, d_ff, N = 16, 4, 64, 3
    x = torch.randn(2, 6, d_model)
    real = torch.arange(6) < torch.tensor([6, 4])[:, None]  # (B, L): the second has 4 words
    causal = torch.ones(6, 6, dtype=torch.bool).tril()
    # Mind the other meaning: in PyTorch's masks True marks what may NOT be looked at.
    cases = {  # our mask, then PyTorch's two: (L, L) for attention, (B, L) for padding
        "no mask": (None, None, None),
        "padding": (real[:, None, None, :], None, ~real),
        "causal": (causal, ~causal, None),
    }
    for kind, norm_first in ((TransformerEncoderBlock, False), (PreNormBlock, True)):
        # N blocks, each with weights of its own: build N, do not repeat one.
        blocks = [kind(d_model, num_heads, d_ff) for _ in range(N)]
        norm = nn.LayerNorm(d_model) if norm_first else None
        ours = TransformerEncoder(blocks, norm).eval()

        layer = nn.TransformerEncoderLayer(
            d_model, num_heads, d_ff, batch_first=True, norm_first=norm_first
        )
        # Nested tensors, a shortcut for padded batches, do not go with norm_first.
        theirs = nn.TransformerEncoder(layer, N, norm, enable_nested_tensor=False).eval()
        for block, layer in zip(blocks, theirs.layers, strict=True):
            copy_weights(block, layer)

        for name, (mask, *their_masks) in cases.items():
            with torch.no_grad():
                one = ours.blocks[0](x, mask) - theirs.layers[0](x, *their_masks)
                stack = ours(x, mask) - theirs(x, *their_masks)
            assert one.abs().max() < 1e-5 and stack.abs().max() < 1e-5
            print(f"{norm_first = !s:<5}  {name:<7}  one block: same, {N} blocks: same")

    # In training they differ in one place: PyTorch drops features inside the feed-forward
    # network too. A block repeated is no stack: its weights are there once, for all depths.
    for name, stack in (("one block, 3 times", [blocks[0]] * 3), ("3 blocks", blocks)):
        count = sum(p.numel() for p in TransformerEncoder(stack).parameters())
        print(f"{name:<18} {count:>6,} parameters")


def gradients_by_depth() -> None:
    section("Gradients by depth, at the start of training")
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE, RED

    import matplotlib.pyplot as plt

    # One forward and one backward pass through N untrained blocks. The gradient norm of a block,
    # over its weight matrices, says how strongly it would learn. And how alike are the vectors
    # of different positions? The mean cosine over all pairs: 1 if they point the same way.
    N, B, L, runs = 24, 8, 12, 4
    kinds = {
        "neither": (BareBlock, RED, ":"),
        "norm, no residual": (NoResidualBlock, ORANGE, "--"),
        "post-norm": (TransformerEncoderBlock, GREEN, "-."),
        "pre-norm": (PreNormBlock, BLUE, "-"),
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    print("gradient norm of block     1        12        24   cosine after 24")
    norms, cosines = {}, {}
    for name, (kind, color, style) in kinds.items():
        norms[name], cosines[name] = torch.zeros(N), torch.zeros(N + 1)
        for seed in range(runs):
            torch.manual_seed(seed)
            blocks = [kind(D_MODEL, NUM_HEADS, D_FF, dropout=0.0) for _ in range(N)]
            head, labels = nn.Linear(D_MODEL, 2), torch.randint(2, (B,))
            states = [torch.randn(B, L, D_MODEL)]
            for block in blocks:
                states.append(block(states[-1]))
            last = F.layer_norm(states[-1], (D_MODEL,)) if name == "pre-norm" else states[-1]
            F.cross_entropy(head(last.mean(dim=1)), labels).backward()
            for number, block in enumerate(blocks):
                weights = [p for p in block.parameters() if p.dim() == 2]
                norm = torch.cat([weight.grad.flatten() for weight in weights]).norm()
                norms[name][number] += norm / runs
            for number, state in enumerate(states):
                unit = F.normalize(state.detach(), dim=-1)
                cosine = (unit @ unit.mT).sum(dim=(1, 2)).mean() - L  # without each with itself
                cosines[name][number] += cosine / (L * (L - 1)) / runs
        cells = " ".join(f"{norms[name][n].item():>9.1e}" for n in (0, N // 2 - 1, N - 1))
        print(f"{name:<18} {cells} {cosines[name][N].item():>17.2f}")
        left.semilogy(range(1, N + 1), norms[name].numpy(), style, color=color, label=name)
        right.plot(range(N + 1), cosines[name].numpy(), style, color=color, label=name)

    assert norms["neither"][0] < 1e-9 * norms["neither"][-1]
    assert norms["post-norm"][-1] > 1.2 * norms["pre-norm"][-1]
    for name in ("post-norm", "pre-norm"):
        assert norms[name].max() < 10 * norms[name].min()
    assert cosines["norm, no residual"][4:].min() > 0.98 > cosines["pre-norm"].max()

    left.set(title="Neither residual nor norm: no gradient", xlabel="block", ylim=(1e-6, 10))
    left.set_ylabel("norm of the gradient")
    right.set(title="Without residuals all positions become one", xlabel="after block")
    right.set_ylabel("cosine between positions")
    for axis in (left, right):
        axis.grid(alpha=0.3)
    left.legend(loc="center left")
    save_figure(figure, "gradient_by_depth")


def four_reviews(generator: torch.Generator) -> list[tuple[list[str], int]]:
    """Four reviews of the same words, two of blame (0) and two of praise (1)."""

    def pick(words):
        return words[torch.randint(len(words), (), generator=generator)]

    opening, link, emphasis = pick(OPENINGS), pick(LINKS), pick(EMPHASIS)
    good, bad, one = pick(PRAISE), pick(BLAME), pick(NOUNS)
    other = pick([noun for noun in NOUNS if noun != one])
    reviews = []
    for first, second in (("not", emphasis), (emphasis, "not")):
        for this, that in ((bad, good), (good, bad)):
            clauses = ["the", one, "was", first, this, link, "the", other, "was", second, that]
            denied = this if first == "not" else that
            reviews.append(([*opening, *clauses], int(denied == bad)))
    return reviews


def draw_reviews(groups: int, seed: int, seen: set[str]) -> tuple[Tensor, Tensor]:
    """`groups` times four reviews that are not in `seen`, which grows: (B, LONGEST) and (B,)."""
    generator = torch.Generator().manual_seed(seed)
    rows, labels = [], []
    while len(rows) < 4 * groups:
        four = four_reviews(generator)
        if " ".join(four[0][0]) in seen:
            continue
        for words, label in four:
            seen.add(" ".join(words))
            numbers = [NUMBER_OF[word] for word in words]
            rows.append(numbers + [0] * (LONGEST - len(words)))
            labels.append(label)
    return torch.tensor(rows), torch.tensor(labels)


@torch.no_grad()
def accuracy(model: nn.Module, words: Tensor, labels: Tensor) -> float:
    model.eval()
    return (model(words).argmax(dim=1) == labels).float().mean().item()


def train(model: nn.Module, training: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> list:
    """Train for STEPS steps; the accuracy on `test` at the start and after every 20 steps."""
    words, labels = training
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.006, STEPS, pct_start=0.2)
    history = [accuracy(model, *test)]
    for step in tqdm(range(1, STEPS + 1), desc="training", leave=False, disable=None):
        model.train()
        batch = torch.randint(len(labels), (BATCH_SIZE,))
        loss = F.cross_entropy(model(words[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % 20 == 0:
            history.append(accuracy(model, *test))
    return history


def a_bag_of_words_fails(training, test) -> list[list[float]]:
    section("Reviews that a bag of words cannot tell apart")

    for words, label in four_reviews(torch.Generator().manual_seed(3)):
        print(f"{('blame', 'praise')[label]:<6}  {' '.join(words)}")
    print(f"{training[0].shape = }, {test[0].shape = }   test reviews never trained on")

    # The four have the same words. A bag of words, the mean of the word vectors, is the same
    # for all four: whatever is computed from it, two answers in four are wrong. The places do
    # not help: they add the same vectors to each.
    groups = test[0].view(-1, 4, LONGEST)
    alphabetical = groups.sort(dim=2).values
    assert torch.equal(alphabetical, alphabetical[:, :1].expand_as(groups))
    assert torch.equal(test[1].view(-1, 4)[0], torch.tensor([1, 0, 0, 1]))

    # Reading each word at its place, but alone, and averaging what comes out is not enough
    # either. The two reviews of praise together have the same words at the same places as the
    # two of blame. Both pairs get the same sum of logits, so at most three of four are right.
    praise, blame = groups[:, [0, 3]].sort(dim=1).values, groups[:, [1, 2]].sort(dim=1).values
    assert torch.equal(praise, blame)

    torch.manual_seed(0)
    history = train(ReviewClassifier(blocks=[]), training, test)
    print(f"bag of words, after {STEPS} steps: {history[-1]:.1%}")
    assert abs(history[-1] - 0.5) < 0.02
    return [history]


def train_the_stack(training, test) -> dict[str, list[list[float]]]:
    section("A stack of two blocks learns them")

    # Only attention carries "not" to the word that it denies.
    kinds = {
        "no attention": (NoAttentionBlock, (0,)),
        "post-norm": (TransformerEncoderBlock, (0, 1, 2)),
        "pre-norm": (PreNormBlock, (0,)),
    }
    histories = {}
    print("test accuracy, step         0      100      200      300")
    for name, (kind, seeds) in kinds.items():
        histories[name] = []
        for seed in seeds:
            torch.manual_seed(seed)
            blocks = [kind(D_MODEL, NUM_HEADS, D_FF) for _ in range(2)]
            norm = nn.LayerNorm(D_MODEL) if kind is PreNormBlock else None
            history = train(ReviewClassifier(blocks, norm), training, test)
            cells = " ".join(f"{history[step // 20]:>8.1%}" for step in (0, 100, 200, 300))
            print(f"{name:<12} {seed = } {cells}")
            assert history[-1] <= 0.76 if kind is NoAttentionBlock else history[-1] >= 0.95
            histories[name].append(history)
    return histories


def picture(histories: dict[str, list[list[float]]]) -> None:
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE, RED

    import matplotlib.pyplot as plt

    looks = ((RED, ":"), (ORANGE, "--"), (GREEN, "-."), (BLUE, "-"))
    figure, axis = plt.subplots(figsize=(8, 3.8), layout="constrained")
    for (name, runs), (color, style) in zip(histories.items(), looks, strict=True):
        for number, history in enumerate(runs):
            label = None if number else name + (", 3 seeds" if len(runs) == 3 else "")
            axis.plot(range(0, STEPS + 1, 20), history, style, color=color, label=label)
    axis.set(
        title="Same words, other meaning: only attention gets beyond guessing",
        xlabel="training step",
        ylabel="accuracy on new reviews",
        ylim=(0.4, 1.03),
    )
    axis.grid(alpha=0.3)
    axis.legend(loc="center right")
    save_figure(figure, "learning")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def build_encoder_block(d_model: int, num_heads: int, d_ff: int, dropout: float) -> nn.Module:
    """Problem 1. Implement a full transformer encoder block (post-norm), as a class of your own.

    Write the class inside this function or above it, without TransformerEncoderBlock, and return
    one block made from it. Its parts, under these names: attention (MultiHeadAttention from
    above), norm1, ff (an nn.Sequential of nn.Linear, nn.ReLU, nn.Linear), norm2, dropout (one
    nn.Dropout, used on each branch before it is added). It is called as block(x) or
    block(x, mask), with x (B, L, d_model) and a mask that goes to the attention as it is, and
    returns (B, L, d_model).
    """
    raise NotImplementedError


def compare_norm_placement(
    blocks: list[nn.Module], x: Tensor, direction: Tensor
) -> tuple[list[float], list[float]]:
    """Problem 2. Compare pre-norm vs post-norm placement by the gradients at each block's input.

    blocks: N encoder blocks with the parts attention, norm1, ff and norm2, without dropout.
    x and direction: (B, L, d_model). Send x through all N blocks twice, with the blocks' own
    parts: once as post-norm, once as pre-norm (no further norm after the last block). Each time
    the loss is (output * direction).sum(). Return two lists of N Python floats, post-norm first:
    entry n is the norm of the gradient of the loss with respect to the input of block n, over
    all its B * L * d_model numbers. The input of blocks[0] is x.
    """
    raise NotImplementedError


def train_a_stack(x: Tensor, labels: Tensor, num_blocks: int) -> nn.Module:
    """Problem 3. Stack multiple blocks and train them on a simple classification task.

    x: (N, L, d_model), L things a sample, each already a vector; d_model is a multiple of 4.
    labels: (N,), 0 or 1. A sample of class 1 holds a red apple and a green car, one of class 0
    a green apple and a red car, in any order among other things: the sum over the things says
    nothing. Return a trained model that contains num_blocks encoder blocks of equal shape, each
    with weights of its own, and takes (B, L, d_model) to logits (B, 2): blocks, mean over the
    things, linear layer. At least 90% of new samples must be right. A learning rate of 0.01 for
    torch.optim.Adam and 60 steps on 64 random samples each are enough, without dropout.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    # The tensors here are small: a second core would cost more in waiting than it saves.
    torch.set_num_threads(1)
    if not arguments.practice:
        feed_forward_network()
        add_and_norm()
        a_block_step_by_step()
        before_or_after()
        the_same_as_pytorch()
        gradients_by_depth()
        seen: set[str] = set()  # so that no test review was trained on
        training = draw_reviews(500, seed=1, seen=seen)
        test = draw_reviews(125, seed=2, seen=seen)
        bag = a_bag_of_words_fails(training, test)
        histories = train_the_stack(training, test)
        picture({"bag of words": bag, **histories})
    report_practice(__file__)


if __name__ == "__main__":
    main()
