"""Expected values of tests/unit/test_linear_probe.c, test_nearest_mean.c and test_average_precision.c.

Logistic regression by scikit-learn 1.2.1 (LogisticRegression, lbfgs, to the end), nearest means by
its NearestCentroid, average precision by LAION CLIP_benchmark 1.6.2, on features made by a formula.
Run: build-peers/bin/python tests/golden/probe_golden.py (after sh tests/setup.sh peers).
"""
import numpy
import torch
from clip_benchmark.metrics.zeroshot_classification import average_precision_per_class
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

N, WIDTH, CLASSES = 203, 8, 5


def features(n, k):
    i, j = numpy.arange(n)[:, None], numpy.arange(WIDTH)[None, :]
    x = numpy.sin(0.7 * i * i + 1.3 * j * (1 + 0.01 * i) + 0.1 * k * (1 + j))
    return x / numpy.linalg.norm(x, axis=1, keepdims=True)


labels = (3 * numpy.arange(N) + numpy.arange(N) // 7) % CLASSES
centers = features(CLASSES, 3)
train = features(N, 0) + 0.7 * centers[labels]
train /= numpy.linalg.norm(train, axis=1, keepdims=True)
train = train.astype(numpy.float32).astype(numpy.float64)


def fit(x, y, l2):
    return LogisticRegression(C=1 / l2, tol=1e-12, max_iter=100000).fit(x, y)


for l2 in (1.0, 0.01, 100.0):
    model = fit(train, labels, l2)
    p = model.predict_proba(train)
    loss = -numpy.log(p[numpy.arange(N), labels]).mean() + l2 / (2 * N) * (model.coef_ ** 2).sum()
    print("l2 %g: loss %.9f weight[4][2] %.6f bias[3] %.6f accuracy %.9f" % (
        l2, loss, model.coef_[4, 2], model.intercept_[3] - model.intercept_.mean(), model.score(train, labels)))

# The search of linear_probe.h.
held = numpy.arange(N) % 5 == 4
strength = lambda i: 10 ** (i / 8 - 6)
right = {}
best = None
step = 16
while step > 0:
    center = best
    for i in range(96, -1, -1):
        if (i % step if center is None else abs(i - center) != step) or i in right:
            continue
        right[i] = int((fit(train[~held], labels[~held], strength(i)).predict(train[held]) == labels[held]).sum())
        if best is None or right[i] > right[best] or (right[i] == right[best] and i > best):
            best = i
    step //= 2
print("sought l2 %.9g, right %d of %d; tried %s" % (strength(best), right[best], held.sum(), sorted(right.items())))
final = fit(train, labels, strength(best))
print("accuracy with it %.9f" % final.score(train, labels))

nearest = NearestCentroid().fit(train, labels)
print("nearest mean: right %d of %d, mean[2][3] %.9f" % (
    (nearest.predict(train) == labels).sum(), N, nearest.centroids_[2, 3]))

targets = (numpy.arange(N)[:, None] * (2 + numpy.arange(CLASSES))[None, :] ** 2) % 11 < 3
targets[:, 1] = False
scores = torch.tensor(train @ centers.T)
ap = average_precision_per_class(scores, torch.tensor(targets.astype(numpy.int64)))
print("average precision", ["%.6f" % x for x in ap], "mean %.6f" % ap.mean())
