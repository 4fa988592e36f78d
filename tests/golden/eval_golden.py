"""Expected values of tests/unit/test_retrieval.c and test_zero_shot.c.

Recall as LAION CLIP_benchmark computes it (metrics/zeroshot_retrieval.py: top-k of the score
matrix against a boolean matrix of pairs), accuracy as metrics/zeroshot_classification.py, on
features made by a formula. Run: python3 tests/golden/eval_golden.py (needs torch).
"""
import numpy
import torch

torch.set_default_dtype(torch.float64)


def features(n, width, k):
    i, j = torch.arange(n)[:, None], torch.arange(width)[None, :]
    x = torch.sin(0.7 * i * i + 1.3 * j * (1 + 0.01 * i) + 0.1 * k * (1 + j))
    return x / x.norm(dim=1, keepdim=True)


def recall(scores, positive, k):
    top = torch.topk(scores, k, dim=1)[1]
    hits = torch.gather(positive, 1, top).sum(dim=1)
    return (hits > 0).double().mean().item()


images, texts = features(40, 6, 0), features(80, 6, 1)
image_of_text = torch.arange(80) // 2
scores = texts @ images.t()
positive = torch.zeros(80, 40, dtype=torch.int64)
positive[torch.arange(80), image_of_text] = 1
# the first caption of an image is near it, so that the recalls are not all chance
texts[::2] = texts[::2] * 0.6 + images
texts = texts / texts.norm(dim=1, keepdim=True)
scores = texts @ images.t()
for k in (1, 5, 10):
    print("image_retrieval_recall@%d %.6f" % (k, recall(scores, positive, k)))
    print("text_retrieval_recall@%d %.6f" % (k, recall(scores.t(), positive.t(), k)))

# ranks as open_clip's get_clip_metrics, of the best right item
for name, s, right in (("image", scores, positive), ("text", scores.t(), positive.t())):
    ranking = torch.argsort(s, dim=1, descending=True)
    ranks = torch.gather(right, 1, ranking).argmax(dim=1).double().numpy()
    print("%s mean_rank %.6f median_rank %g" % (name, ranks.mean() + 1, numpy.floor(numpy.median(ranks)) + 1))

classes, templates = 7, 3
prompts = features(classes * templates, 6, 2).reshape(classes, templates, 6)
classifier = prompts.mean(dim=1)
classifier = classifier / classifier.norm(dim=1, keepdim=True)
labels = (torch.arange(40) * torch.arange(40)) % classes
near = images + 0.8 * classifier[labels]
logits = 100 * near @ classifier.t()
top = logits.topk(5, dim=1)[1]
right = top == labels[:, None]
print("acc1 %.6f acc5 %.6f" % (right[:, :1].any(1).double().mean(), right.any(1).double().mean()))
per_class = [right[labels == c, 0].double().mean() for c in range(classes) if (labels == c).any()]
print("mean_per_class_recall %.9f of %d classes" % (sum(per_class) / len(per_class), len(per_class)))
gap = logits.sort(dim=1)[0].diff(dim=1).min(), scores.sort(dim=1)[0].diff(dim=1).min()
print("smallest gaps %.3g %.3g" % gap)
print("classifier[6][5] %.9f" % classifier[6, 5])
