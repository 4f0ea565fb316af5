"""What prototypes in bfloat16 cost in accuracy, where only the prototypes learn.

    python -m benchmarks.bfloat16_prototypes

Embeddings scatter around hidden directions, one a class. Prototypes start at random and
learn them by `blockwise_sgd`, in float32 and in bfloat16, with the velocity in the same
type or in float32. Printed: the loss, the share of new embeddings whose nearest
prototype is their own, and the mean cosine between prototype and hidden direction.
"""

import functools

import jax
import jax.numpy as jnp
import tqdm

from maskarc import losses

CLASSES, EMBED_DIM, BATCH, STEPS, SPREAD = 2000, 128, 256, 1500, 0.12


def draw(key: jax.Array, directions: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A batch of embeddings and their labels."""
    label_key, noise_key = jax.random.split(key)
    labels = jax.random.randint(label_key, (BATCH,), 0, CLASSES)
    noise = SPREAD * jax.random.normal(noise_key, (BATCH, EMBED_DIM))
    return directions[labels] + noise, labels


def main() -> None:
    """Trains and prints one line a precision."""
    keys = jax.random.split(jax.random.key(0), 3)
    directions = jax.random.normal(keys[0], (CLASSES, EMBED_DIM))
    directions /= jnp.linalg.norm(directions, axis=1, keepdims=True)
    start = 0.01 * jax.random.normal(keys[1], (CLASSES, EMBED_DIM))
    margin = functools.partial(losses.arcface_logits, scale=32.0)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def train(w, v, step):
        x, y = draw(jax.random.fold_in(keys[2], step), directions)
        rate = 0.5 * (1 - step / STEPS)
        update = losses.blockwise_sgd(x, w, v, y, learning_rate=rate, logits_fn=margin)
        return update.prototypes, update.velocity, update.loss.mean()

    @jax.jit
    def score(w):
        x, y = draw(jax.random.fold_in(keys[2], STEPS), directions)
        cosines = losses.cosine_logits(x, w)
        loss = losses.softmax_cross_entropy(margin(cosines, y), y).mean()
        accuracy = jnp.mean(cosines.argmax(axis=1) == y)
        return loss, accuracy, losses.pair_cosines(w, directions).mean()

    print("| prototypes | velocity | loss | accuracy | cosine to the truth |")
    print("|---|---|---|---|---|")
    for kind, velocity_kind in (
        (jnp.float32, jnp.float32),
        (jnp.bfloat16, jnp.float32),
        (jnp.bfloat16, jnp.bfloat16),
    ):
        w, v = jnp.array(start, kind), jnp.zeros(start.shape, velocity_kind)
        for step in tqdm.trange(STEPS, desc=kind.__name__):
            w, v, _ = train(w, v, step)
        loss, accuracy, cosine = map(float, score(w))
        print(
            f"| {kind.__name__} | {velocity_kind.__name__} | {loss:.3f} "
            f"| {accuracy:.4f} | {cosine:.4f} |"
        )


if __name__ == "__main__":
    main()
