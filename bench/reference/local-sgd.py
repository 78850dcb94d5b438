"""Compares settings of local SGD with one machine on data and seeds of its own. The defaults of dilocoTrainer were chosen with it.

python bench/reference/local-sgd.py [seed…]   needs numpy; `npm run setup:interop` installs it. About 15 s of CPU time per seed.

Each seed draws another task (classes of a random network), other first weights and another order of rows. A perceptron of two hidden
layers learns it with AdamW, alone and as 4 replicas. Prints accuracies on 20,000 other rows in per cent.
"""

import sys

import numpy as np

INPUTS, HIDDEN, CLASSES, TEACHER = 32, 128, 20, 24
ROWS, OTHERS, EPOCHS, BATCH, RATE = 20_000, 20_000, 12, 32, 0.002
REPLICAS, INNER_STEPS = 4, 50
SHAPES = ((INPUTS, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, CLASSES))
SIZES = [rows * columns for rows, columns in SHAPES]
f32 = np.float32

NEW = dict(moments=True, deals=True, factor=REPLICAS, momentum=0)
VARIANTS = {
    'the defaults': NEW,
    'AdamW with new moments each round': {**NEW, 'moments': False},
    'fixed rows for each replica': {**NEW, 'deals': False},
    'outer momentum 0.5, learning rate × 2': {**NEW, 'momentum': 0.5, 'factor': 2},
    'learning rate × 1': {**NEW, 'factor': 1},
    'new moments, fixed rows, outer momentum 0.5, learning rate × 1': dict(moments=False, deals=False, factor=1, momentum=0.5),
    'the defaults with int8': {**NEW, 'int8': True},
    'the defaults with int8 and error feedback': {**NEW, 'int8': True, 'feedback': True},
}


def parts(flat):
    ends = np.cumsum(SIZES)
    return [flat[end - size : end].reshape(shape) for size, end, shape in zip(SIZES, ends, SHAPES)]


def task(seed):
    random = np.random.default_rng(seed)
    first = 2 * random.standard_normal((TEACHER, INPUTS)) / np.sqrt(INPUTS)
    second = random.standard_normal((CLASSES, TEACHER))
    x = random.standard_normal((ROWS + OTHERS, INPUTS))
    y = (np.tanh(x @ first.T) @ second.T).argmax(1)
    return x.astype(f32), y


def first_weights(seed):
    random = np.random.default_rng(1000 + seed)
    return np.concatenate([(random.standard_normal(shape) / np.sqrt(shape[0])).ravel() for shape in SHAPES]).astype(f32)


def gradient(weights, x, y, into):
    a, b, c = parts(weights)
    ga, gb, gc = parts(into)
    first = np.maximum(x @ a, 0)
    second = np.maximum(first @ b, 0)
    errors = second @ c
    errors -= errors.max(1, keepdims=True)
    np.exp(errors, out=errors)
    errors /= errors.sum(1, keepdims=True)
    errors[np.arange(len(y)), y] -= 1
    errors /= len(y)
    np.matmul(second.T, errors, out=gc)
    back = errors @ c.T
    back[second <= 0] = 0
    np.matmul(first.T, back, out=gb)
    back = back @ b.T
    back[first <= 0] = 0
    np.matmul(x.T, back, out=ga)


def adam(weights, change, first, second, step, rate):
    first *= f32(0.9)
    first += f32(0.1) * change
    second *= f32(0.999)
    second += f32(0.001) * (change * change)
    weights -= f32(rate / (1 - 0.9**step)) * first / (np.sqrt(second / f32(1 - 0.999**step)) + f32(1e-8))


def accuracy(weights, x, y):
    a, b, c = parts(weights)
    return 100 * ((np.maximum(np.maximum(x @ a, 0) @ b, 0) @ c).argmax(1) == y).mean()


def batches(rows, random):
    while True:
        order = rows[random.permutation(len(rows))]
        for start in range(0, len(order), BATCH):
            yield order[start : start + BATCH]


def alone(x, y, seed):
    weights = first_weights(seed)
    first, second, change = np.zeros_like(weights), np.zeros_like(weights), np.empty_like(weights)
    steps = EPOCHS * -(-ROWS // BATCH)
    dealt = batches(np.arange(ROWS), np.random.default_rng(seed))
    for step in range(1, steps + 1):
        rows = next(dealt)
        gradient(weights, x[rows], y[rows], change)
        adam(weights, change, first, second, step, RATE * (1 - (step - 1) / steps))
    return weights


def quantized(values):
    result, start = np.empty_like(values), 0
    for size in SIZES:
        part = values[start : start + size]
        scale = f32(np.abs(part).max() / 127)
        result[start : start + size] = np.round(part / scale) * scale
        start += size
    return result


def replicas(x, y, seed, moments, deals, factor, momentum, int8=False, feedback=False):
    weights = first_weights(seed)
    steps = -(-EPOCHS * -(-ROWS // BATCH) // REPLICAS)
    shared = batches(np.arange(ROWS), np.random.default_rng(seed))
    order = np.random.default_rng(seed + 77).permutation(ROWS)
    own = [batches(order[replica::REPLICAS], np.random.default_rng((seed, replica))) for replica in range(REPLICAS)]
    states = [(np.zeros_like(weights), np.zeros_like(weights)) for _ in range(REPLICAS)]
    residuals = [np.zeros_like(weights) for _ in range(REPLICAS)]
    velocity, change = np.zeros_like(weights), np.empty_like(weights)
    for start in range(0, steps, INNER_STEPS):
        end = min(steps, start + INNER_STEPS)
        total = np.zeros_like(weights)
        for replica, (first, second) in enumerate(states):
            local = weights.copy()
            if not moments:
                first[:] = 0
                second[:] = 0
            for step in range(start + 1, end + 1):
                rows = next(shared if deals else own[replica])
                gradient(local, x[rows], y[rows], change)
                rate = factor * RATE * (1 - (step - 1) / steps)
                adam(local, change, first, second, step if moments else step - start, rate)
            sent = weights - local
            if int8:
                wanted = sent + residuals[replica] if feedback else sent
                sent = quantized(wanted)
                residuals[replica] = wanted - sent
            total += sent
        mean = total / f32(REPLICAS)
        velocity = f32(momentum) * velocity + mean
        weights = weights - (mean + f32(momentum) * velocity)
    return weights


def main():
    seeds = [int(seed) for seed in sys.argv[1:]] or [51, 52, 53, 54, 55, 56]
    found = {name: [] for name in ('one machine', *VARIANTS)}
    for seed in seeds:
        x, y = task(seed)
        training, others = (x[:ROWS], y[:ROWS]), (x[ROWS:], y[ROWS:])
        found['one machine'].append(accuracy(alone(*training, seed), *others))
        for name, options in VARIANTS.items():
            found[name].append(accuracy(replicas(*training, seed, **options), *others))
    reference = np.array(found['one machine'])
    for name, values in found.items():
        lower = np.array(values) - reference
        spread = lower.std(ddof=1) / np.sqrt(len(lower)) if len(lower) > 1 else float('nan')
        print(f'{np.mean(values):6.2f}  difference {lower.mean():+.2f}, standard error {spread:.2f}: {name}', flush=True)


main()
